// All kernels for one instruction set; compiled once for each, with COFACTOR_ISA its name.
#include "csr_lloyd.hpp"
#include "csr_running.hpp"
#include "descent.hpp"
#include "hartigan.hpp"
#include "least_squares.hpp"
#include "lloyd.hpp"
#include "lloyd_starts.hpp"
#include "location.hpp"
#include "moments.hpp"
#include "nearest.hpp"
#include "neighbor_kept.hpp"
#include "neighbor_lists.hpp"
#include "neighbor_targets.hpp"
#include "neighbor_top.hpp"
#include "neighbor_top_csr.hpp"
#include "observed_squares.hpp"
#include "poisson.hpp"
#include "poisson_dense.hpp"
#include "poisson_dense_newton.hpp"
#include "poisson_newton.hpp"
#include "posterior.hpp"
#include "products.hpp"
#include "seeding.hpp"
#include "seeding_plain.hpp"
#include "soft_assign.hpp"
#include "sums.hpp"
#include "top_losses.hpp"
#include "top_losses_csr.hpp"

namespace cofactor::COFACTOR_ISA {

template <class T>
constexpr DenseKernels<T> dense = {top_losses<T>, nearest<T>, weighted_sums<T>, weighted_squares<T>,
                                   squared_norms<T>, products<T>, squared_distances<T>,
                                   seeding_round<T, std::uint8_t>, seeding_round<T, std::int16_t>,
                                   seeding_steps<T>, seeding_plain<T>, lloyd<T>, lloyd_space<T>,
                                   lloyd_starts<T>, lloyd_starts_space<T>,
                                   hartigan_targets<T>, hartigan_open<T>, hartigan_moves<T>,
                                   neighbor_targets<T>, neighbor_kept<T>,
                                   descend<T>, descent_space<T>};

template <class T, class I>
constexpr SparseKernels<T, I> sparse = {
    top_losses_csr<T, I>,    nearest_sum_csr<T, I>,   add_to_sums_csr<T, I>,
    weighted_sums_csr<T, I>, weighted_squares_csr<T, I>,
    squared_norms_csr<T, I>,
    poisson_multiplicative_csr<T, I>, poisson_coordinate_csr<T, I>,
    poisson_explained_csr<T, I>, poisson_newton_csr<T, I>,
    products_csr<T, I>,
    sampled_products<T, I>,  lloyd_csr<T, I>,         lloyd_csr_space<T>,
    hartigan_targets_csr<T, I>, hartigan_open_csr<T, I>, hartigan_moves_csr<T, I>};

template <class T, class Model>
constexpr LossKernels<T, Model> losses = {model_posterior<T, Model>, model_moments<T, Model>};

template <class T>
constexpr MixtureKernels<T> mixture = {
    losses<T, AffineModel>,    losses<T, ScaledModel>,      losses<T, WhitenedModel>,
    model_top<T, ScaledModel>, model_top<T, WhitenedModel>, component_moments<T>};

template <class T>
constexpr TopKernels<T> top = {neighbor_top<T, AffineMeasure<T>>, neighbor_top<T, ScaledMeasure<T>>,
                               neighbor_top<T, WhitenedMeasure<T>>, weighted_grams<T>,
                               neighbor_top_csr<T, std::int32_t>,
                               neighbor_top_csr<T, std::int64_t>};

template <class T>
constexpr PoissonKernels<T> poisson = {poisson_multiplicative<T>, poisson_multiplicative_brief<T>,
                                       poisson_coordinate<T>, poisson_newton<T>,
                                       lay_components<T>};

const Kernels kernels = {dense<float>,
                         dense<double>,
                         sparse<float, std::int32_t>,
                         sparse<float, std::int64_t>,
                         sparse<double, std::int32_t>,
                         sparse<double, std::int64_t>,
                         mixture<float>,
                         mixture<double>,
                         top<float>,
                         top<double>,
                         poisson<float>,
                         poisson<double>,
                         soft_assign,
                         nonnegative_sweeps,
                         observed_sweeps<std::int32_t>,
                         observed_sweeps<std::int64_t>,
                         seeding_order,
                         seeding_strips,
                         neighbor_centers,
                         neighbor_order,
                         neighbor_lists,
                         location_ascend,
                         location_bounds,
                         location_project};

}  // namespace cofactor::COFACTOR_ISA
