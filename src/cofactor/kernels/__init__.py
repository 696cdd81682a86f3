"""The numerical kernels: compiled for this machine, or their NumPy reference.

The environment variable ``COFACTOR_ISA`` chooses an implementation by name; without it the best
one that this machine supports is taken. Every function is specified in `kernels.reference`.
"""

from __future__ import annotations

from cofactor.kernels import reference
from cofactor.kernels._choice import available, implementation, like, load
from cofactor.kernels._relay_reference import BOARD_SIZE
from cofactor.kernels._seeding_reference import (
    SEEDING_BLOCK,
    SEEDING_CHUNK,
    SEEDING_PANEL,
    SEEDING_STRIP,
)
from cofactor.kernels.helpers import HELPERS, NOBODY, board_for, dismiss, hire

__all__ = [
    *reference.__all__,
    "BOARD_SIZE",
    "HELPERS",
    "NOBODY",
    "SEEDING_BLOCK",
    "SEEDING_CHUNK",
    "SEEDING_PANEL",
    "SEEDING_STRIP",
    "available",
    "board_for",
    "dismiss",
    "hire",
    "implementation",
    "load",
]

add_to_sums_csr = like(reference.add_to_sums_csr)
affine_moments = like(reference.affine_moments)
affine_posterior = like(reference.affine_posterior)
component_moments = like(reference.component_moments)
descend = like(reference.descend)
descent_space = like(reference.descent_space)
hartigan_moves = like(reference.hartigan_moves)
hartigan_moves_csr = like(reference.hartigan_moves_csr)
hartigan_open = like(reference.hartigan_open)
hartigan_open_csr = like(reference.hartigan_open_csr)
hartigan_targets = like(reference.hartigan_targets)
hartigan_targets_csr = like(reference.hartigan_targets_csr)
largest_whole = like(reference.largest_whole)
lay_components = like(reference.lay_components)
line_space = like(reference.line_space)
lloyd = like(reference.lloyd)
lloyd_csr = like(reference.lloyd_csr)
lloyd_csr_space = like(reference.lloyd_csr_space)
lloyd_space = like(reference.lloyd_space)
lloyd_starts = like(reference.lloyd_starts)
lloyd_starts_space = like(reference.lloyd_starts_space)
location_ascend = like(reference.location_ascend)
location_bounds = like(reference.location_bounds)
location_project = like(reference.location_project)
nearest = like(reference.nearest)
nearest_sum_csr = like(reference.nearest_sum_csr)
neighbor_centers = like(reference.neighbor_centers)
neighbor_kept = like(reference.neighbor_kept)
neighbor_lists = like(reference.neighbor_lists)
neighbor_order = like(reference.neighbor_order)
neighbor_targets = like(reference.neighbor_targets)
neighbor_top = like(reference.neighbor_top)
neighbor_top_csr = like(reference.neighbor_top_csr)
neighbor_top_scaled = like(reference.neighbor_top_scaled)
neighbor_top_whitened = like(reference.neighbor_top_whitened)
nonnegative_sweeps = like(reference.nonnegative_sweeps)
observed_sweeps = like(reference.observed_sweeps)
partition_line = like(reference.partition_line)
poisson_coordinate = like(reference.poisson_coordinate)
poisson_coordinate_csr = like(reference.poisson_coordinate_csr)
poisson_explained_csr = like(reference.poisson_explained_csr)
poisson_multiplicative = like(reference.poisson_multiplicative)
poisson_multiplicative_csr = like(reference.poisson_multiplicative_csr)
poisson_newton = like(reference.poisson_newton)
poisson_newton_csr = like(reference.poisson_newton_csr)
products = like(reference.products)
products_csr = like(reference.products_csr)
sampled_products = like(reference.sampled_products)
scaled_moments = like(reference.scaled_moments)
scaled_posterior = like(reference.scaled_posterior)
scaled_top = like(reference.scaled_top)
seeding_order = like(reference.seeding_order)
seeding_plain = like(reference.seeding_plain)
seeding_round = like(reference.seeding_round)
seeding_steps = like(reference.seeding_steps)
seeding_strips = like(reference.seeding_strips)
soft_assign = like(reference.soft_assign)
squared_distances = like(reference.squared_distances)
squared_norms = like(reference.squared_norms)
squared_norms_csr = like(reference.squared_norms_csr)
table_sums = like(reference.table_sums)
top_losses = like(reference.top_losses)
top_losses_csr = like(reference.top_losses_csr)
weighted_grams = like(reference.weighted_grams)
weighted_squares = like(reference.weighted_squares)
weighted_squares_csr = like(reference.weighted_squares_csr)
weighted_sums = like(reference.weighted_sums)
weighted_sums_csr = like(reference.weighted_sums_csr)
whitened_moments = like(reference.whitened_moments)
whitened_posterior = like(reference.whitened_posterior)
whitened_top = like(reference.whitened_top)
