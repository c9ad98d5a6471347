"""Codebooks for SOG: few values, or few vectors, that stand for many."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..progress import Progress

_ROUNDS = 12
_COARSE = 256  # clusters of vectors that are split further
_SAMPLE = 1 << 16  # vectors by which the coarse clusters are found
_BLOCK = 1 << 14  # vectors whose distances are held at a time


def scalar_codebook(
    values: NDArray[np.float32], size: int = 256
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """A sorted codebook [size] of `values`, and the nearest entry [...] of each (Lloyd, Max).

    Every value has an entry of its own where there are no more than `size`.
    """
    distinct, inverse = np.unique(values, return_inverse=True)
    if len(distinct) <= size:
        book = np.concatenate([distinct, np.full(size - len(distinct), distinct[-1])])
        return book.astype(np.float32), inverse.reshape(values.shape).astype(np.uint8)
    ordered = np.sort(values, axis=None).astype(np.float64)
    sums = np.concatenate([[0.0], np.cumsum(ordered)])
    # Half by rank, half by range: outliers keep entries of their own.
    ranks = ordered[np.linspace(0, len(ordered) - 1, size // 2).astype(np.intp)]
    book = np.sort(np.concatenate([ranks, np.linspace(ordered[0], ordered[-1], size - size // 2)]))
    for _ in range(_ROUNDS):
        edges = np.searchsorted(ordered, (book[1:] + book[:-1]) / 2)
        starts, ends = np.concatenate([[0], edges]), np.concatenate([edges, [len(ordered)]])
        filled = ends > starts
        book[filled] = (sums[ends] - sums[starts])[filled] / (ends - starts)[filled]
        book.sort()
    book32 = book.astype(np.float32)
    labels = np.searchsorted((book32[1:] + book32[:-1]) / 2, values)
    return book32, labels.astype(np.uint8)


def vector_palette(
    vectors: NDArray[np.float32], size: int, progress: Progress
) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """A palette [at most size, D] of `vectors` [N, D], and the entry [N] that stands for each.

    k-means in two levels: the vectors fall into 256 clusters, each of which gets its share of the
    palette. It costs the square root of what k-means in one level would.
    """
    distinct, inverse = np.unique(vectors, axis=0, return_inverse=True)
    if len(distinct) <= size:
        return distinct, inverse.reshape(-1)
    random = np.random.default_rng(0)
    sample = vectors[random.permutation(len(vectors))[:_SAMPLE]]
    coarse = _means_of(sample, min(_COARSE, size), random)
    cluster = _nearest(vectors, coarse)
    palette, labels = [], np.empty(len(vectors), np.intp)
    order = np.argsort(cluster, kind="stable")
    ends = np.cumsum(np.bincount(cluster, minlength=len(coarse)))
    shares = _shares(np.diff(ends, prepend=0), size)
    used = 0
    for i, (end, share) in enumerate(zip(ends, shares, strict=True)):
        progress.step(i, len(coarse))
        members = order[ends[i - 1] if i else 0 : end]
        if len(members):
            entries = _means_of(vectors[members], int(share), random)
            labels[members] = used + _nearest(vectors[members], entries)
            palette.append(entries)
            used += len(entries)
    return np.concatenate(palette), labels


def _shares(counts: NDArray[np.integer], size: int) -> NDArray[np.int64]:
    """Entries for each cluster: one for each that has members, the others by their numbers."""
    filled = counts > 0
    spare = size - int(np.count_nonzero(filled))
    return filled + np.floor(spare * counts / counts.sum()).astype(np.int64)


def _means_of(
    vectors: NDArray[np.float32], count: int, random: np.random.Generator
) -> NDArray[np.float32]:
    """At most `count` centres [K, D] by Lloyd's algorithm."""
    if count >= len(vectors):
        return vectors.copy()
    centers = vectors[random.choice(len(vectors), count, replace=False)]
    for _ in range(_ROUNDS):
        labels = _nearest(vectors, centers)
        counts = np.bincount(labels, minlength=count)
        sums = np.zeros((count, vectors.shape[1]), np.float64)
        for column in range(vectors.shape[1]):
            sums[:, column] = np.bincount(labels, vectors[:, column], minlength=count)
        filled = counts > 0
        centers[filled] = (sums[filled] / counts[filled, None]).astype(np.float32)
    return centers


def _nearest(vectors: NDArray[np.float32], centers: NDArray[np.float32]) -> NDArray[np.intp]:
    """The centre [N] nearest to each vector, by |v - c|^2 = |v|^2 - 2 v.c + |c|^2."""
    labels = np.empty(len(vectors), np.intp)
    squares = np.einsum("ij,ij->i", centers, centers)
    for start in range(0, len(vectors), _BLOCK):
        rows = slice(start, start + _BLOCK)
        labels[rows] = (squares - 2 * (vectors[rows] @ centers.T)).argmin(axis=1)
    return labels
