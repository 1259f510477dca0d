"""Convolutions for CPUs alone: programs for GPUs and TPUs never enter."""
