"""Seeded scripts that measure quality and speed; run one as ``python -m benchmarks.ROOM.NAME`` from this repository's
root. Their tables are in RESULTS.md."""
