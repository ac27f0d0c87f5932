"""Energies of frames that were computed once: a text file that every batch is added to, so that nothing is done twice.

The first line says what computed them, the second names the columns; then a line for each frame: a hash of its
positions (float32), and the energy. A line that was cut off when a process died is dropped.
"""

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32, Float64
from tqdm import tqdm

from ai2bmd.errors import InputError

_COLUMNS = "positions,energy_eV"


def energies_of_frames(
    frames: Iterable[Float[np.ndarray, "atoms 3"]],
    evaluate: Callable[[Float32[np.ndarray, "batch atoms 3"]], Float64[np.ndarray, " batch"]],
    *,
    total: int,
    batch: int,
    cache: Path,
    identity: str,
    shown: bool = True,
) -> Float64[np.ndarray, " frames"]:
    """Energies (eV) of all frames, those that the cache has from there.

    Args:
        frames: positions (A), one after the other.
        evaluate: energies of several frames at once.
        total: number of frames, for the progress bar.
        batch: most frames at once.
        cache: file; made if it is absent. Whatever was finished is in it when the process is interrupted.
        identity: one line that tells everything that energies depend on besides the positions.
        shown: whether to show progress.

    Raises:
        InputError: the cache is of something else.
    """
    known, keys = _read(cache, identity), []
    waiting: dict[str, np.ndarray] = {}
    with (
        cache.open("a", encoding="utf-8") as file,
        tqdm(total=total, unit="frame", disable=None if shown else True, dynamic_ncols=True) as bar,
    ):

        def finish() -> None:
            energies = evaluate(np.stack(list(waiting.values())))
            for key, energy in zip(waiting, energies.tolist(), strict=True):
                known[key] = energy
                file.write(f"{key},{energy!r}\n")
            file.flush()
            bar.update(len(waiting))
            waiting.clear()

        for frame in frames:
            positions = np.ascontiguousarray(frame, dtype=np.float32)
            key = hashlib.blake2b(positions.tobytes(), digest_size=16).hexdigest()
            keys.append(key)
            if key in known or key in waiting:
                bar.update()
            else:
                waiting[key] = positions
            if len(waiting) >= batch:
                finish()
        if waiting:
            finish()
    return np.array([known[key] for key in keys])


def _read(cache: Path, identity: str) -> dict[str, float]:
    """What the cache has; it is made, or freed of a line cut off.

    Raises:
        InputError: it is of something else.
    """
    if not cache.is_file() or not cache.stat().st_size:
        cache.write_text(f"# {identity}\n{_COLUMNS}\n", encoding="utf-8")
        return {}
    text = cache.read_text(encoding="utf-8", errors="replace")
    whole = text[: text.rfind("\n") + 1]
    header, *rows = whole.splitlines()
    if header != f"# {identity}":
        raise InputError(
            f"{cache} holds energies of something else ({header.removeprefix('# ') or 'no header'}; expected "
            f"{identity}); give another file, or remove it"
        )
    if len(whole) < len(text):
        cache.write_text(whole, encoding="utf-8")
    try:
        return {key: float(energy) for key, energy in (row.split(",") for row in rows[1:])}
    except ValueError as error:
        raise InputError(f"{cache} is damaged ({error}); remove it, and energies are computed again") from error
