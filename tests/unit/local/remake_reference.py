"""Recreates the committed reference vectors with sentence-transformers, in a separate environment.

Usage: python tests/unit/local/remake_reference.py FOLDER_OF_MINILM
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from unit.local.corpus import texts
from unit.local.families import FAMILIES, make_family
from unit.local.saved import METHODS, SAVED, TEXTS, save
from unit.local.stand_ins import STAND_INS, make

HERE = Path(__file__).parent
WHOLE, DIMENSIONS, FEW = 12, 8, 60
"""Every twelfth vector is kept in full, eight dimensions of the others; for stand-ins every sixtieth text."""


def vectors_of(folder: Path, some: list[str]) -> np.ndarray:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(folder), device="cpu")
    return np.asarray(model.encode(some, batch_size=16, convert_to_numpy=True), np.float32)


def vectors_of_saved(folder: Path) -> dict[str, np.ndarray]:
    """Return the vectors of a model of `SAVED` by method, each text alone: padding plays no part."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(folder), device="cpu")
    encode = {"query": model.encode_query, "document": model.encode_document}
    return {method: np.stack([encode[method](text) for text in TEXTS]).astype(np.float32) for method in METHODS}


def remake_saved() -> None:
    kept = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in SAVED:
            for method, vectors in vectors_of_saved(save(Path(folder) / name, name)).items():
                kept[f"{name}/{method}"] = vectors
    np.savez_compressed(HERE / "saved.npz", **kept)
    print({name: value.shape for name, value in kept.items()})


def remake_families() -> None:
    kept = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in FAMILIES:
            kept[name] = vectors_of(make_family(Path(folder) / name, name), texts()[::FEW])
    np.savez_compressed(HERE / "families.npz", **kept)
    print({name: value.shape for name, value in kept.items()})


def main() -> None:
    corpus = texts()
    minilm = vectors_of(Path(sys.argv[1]), corpus)
    kept = {"minilm_whole": minilm[::WHOLE], "minilm_part": minilm[:, :DIMENSIONS]}
    with tempfile.TemporaryDirectory() as folder:
        for name in STAND_INS:
            kept[name] = vectors_of(make(Path(folder) / name, name), corpus[::FEW])
    np.savez_compressed(HERE / "reference.npz", **kept)
    print({name: value.shape for name, value in kept.items()})
    remake_saved()
    remake_families()


if __name__ == "__main__":
    main()
