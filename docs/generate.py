"""Writes docs/configuration.md from the table of fields: python docs/generate.py."""

from pathlib import Path

from gan_jax.fields import all_fields

HEAD = """# Configuration

Every field, its default and what is allowed; made by `make docs` from `gan_jax/fields.py` and signatures.
Set one with `--config.FIELD=VALUE`, or in a file whose `get_config()` starts from `gan_jax.default_config()`.
In a file, write `config["update"].name`: `update` is also a method of `ConfigDict`.

| field | default | meaning | allowed |
|---|---|---|---|
"""


def main() -> None:
    """Write the page."""
    rows = [
        f"| `{path}` | `{field.default!r}` | {field.meaning} | {field.allowed or type(field.default).__name__} |"
        for path, field in all_fields().items()
    ]
    Path(__file__).with_name("configuration.md").write_text(HEAD + "\n".join(rows) + "\n")


main()
