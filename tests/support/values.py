"""What a metric gives, as plain numbers."""


def numbers(found):
    """The values, in their order."""
    return tuple(value.value for value in found.values())
