"""Reports of sweeps: one HTML file for reading, figures for papers. Both are made from records alone."""

from gan_jax.reporting.report import write_figures, write_report

__all__ = ["write_figures", "write_report"]
