"""Numbers with their nouns, as sentences need them."""


def counted(number: float, noun: str) -> str:
    """`1 frame`, `2 frames`, `3 trajectories`; a number that is no integer is rounded."""
    if f"{number:.0f}" == "1":
        return f"1 {noun}"
    return f"{number:.0f} {noun[:-1] + 'ies' if noun.endswith('y') else noun + 's'}"
