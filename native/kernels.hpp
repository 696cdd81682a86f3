// The table of kernels that every instruction set fills and the Python module reads.
//
// Plain structures without functions: this header is compiled for several instruction sets, and
// an inline function in it could be linked into the wrong one.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cofactor {

using std::size_t;
using Label = std::int32_t;

constexpr size_t board_size = 48;    // of the zeros that the threads of one job share
constexpr size_t board_helpers = 2;  // where a board has the address of a team that helps, or 0
constexpr size_t trace_columns = 7;  // of Lloyd's iterations

// Row-major and contiguous.
template <class T>
struct Matrix {
    T* data;
    size_t rows;
    size_t columns;
};

template <class T, class I>
struct Csr {
    const I* indptr;
    const I* indices;
    const T* data;
    size_t rows;
};

// The same for counts below 256 of at most 65,536 columns.
struct BriefCsr {
    const std::int64_t* indptr;
    const std::uint16_t* indices;
    const std::uint8_t* data;
    size_t rows;
};

// Components that a row may belong to, and with what weight.
struct Membership {
    Matrix<const Label> index;
    const double* weight;
};

// Losses offsets[c] - <x, slopes[c]>.
struct AffineModel {
    Matrix<const double> slopes;
    const double* offsets;
};

// Losses offsets[c] + |(x - centers[c]) scales[c]|^2 / 2 with a scale for each column, or one.
struct ScaledModel {
    Matrix<const double> scales, centers;
    const double* offsets;
};

// Losses offsets[c] + |x P_c - centers[c]|^2 / 2 with one upper triangular factor P_c for each
// component, or one for all.
struct WhitenedModel {
    const double* factors;
    size_t n_factors;
    Matrix<const double> centers;
    const double* offsets;
};

// What the posterior of rows is found with, and what goes with it.
struct Posterior {
    const double* weights;
    double* log_norm;
    Label* best;
    size_t rows;
};

// Moments of components about the shift, added to; the second moments are 0, 1, d or d^2 numbers
// for each component: none, of the norm, of every column, or of every pair of columns.
struct Moments {
    double* counts;
    Matrix<double> sums;
    double* second;
    size_t second_size;
};

// What Poisson rows are fitted with; columns[j] and then rest[j], of four or none, hold the k
// component values of column j, padded with zeros, or columns[j] as they are, if nobody has laid them
// out. One row of totals is that of all rows, and none the sums of columns; weights of columns may be
// null.
template <class T>
struct PoissonModel {
    Matrix<const T> columns;
    Matrix<const T> rest;
    bool laid_out;
    size_t k;
    Matrix<const double> totals;
    const T* weights;
    double l1;
    double l2;
    double log;
    double floor;
    const T* strips;  // instead of columns, for dense rows: [8 columns][k, or one more][8]
};

// Codes to start from, what becomes of them where they are lifted, which may be the place of those
// found, and these; where losses at the start and at the end go, unless null.
template <class T>
struct PoissonCodes {
    const T* given;
    T* start;
    T* codes;
    double* before;
    double* loss;
};

// Newton steps: Hessians in blocks of 16 rows, how far they may be off, and what part of its mean an
// old one may move a row by unseen.
template <class T>
struct PoissonNewton {
    T* hessians;
    size_t sweeps;
    double tolerance;
    double trust;
};

template <class T>
struct PoissonKernels {
    void (*multiplicative)(std::int64_t* board, Matrix<const T> X, PoissonModel<T> model,
                           PoissonCodes<T> out);
    void (*multiplicative_brief)(std::int64_t* board, BriefCsr X, PoissonModel<T> model,
                                 PoissonCodes<T> out);
    void (*coordinate)(std::int64_t* board, Matrix<const T> X, PoissonModel<T> model, size_t sweeps,
                       PoissonCodes<T> out);
    void (*newton)(std::int64_t* board, Matrix<const T> X, PoissonModel<T> model,
                   PoissonNewton<T> newton, PoissonCodes<T> out);
    void (*lay_components)(Matrix<const T> columns, const T* weights, Matrix<T> whole,
                           Matrix<T> rest, double* totals);
};

// Coordinates of rows in strips, some first ones and those that follow, with the squared norms of the
// first ones and of all; see the reference of seeding_strips.
struct SeedingHeads {
    Matrix<const std::int32_t> firsts;
    Matrix<const std::int32_t> others;
    const std::int32_t* first_norms;
    const std::int32_t* norms;
};

// What greedy k-means++ knows of rows beforehand; see the reference of seeding_steps.
template <class T>
struct SeedingRows {
    Matrix<const T> X;
    const double* weights;
    const Label* order;
    const Label* places;
    SeedingHeads heads;
    Matrix<const std::int16_t> profiles;
    double scale;
    double slack;
    double fineness;
    double fine_slack;
};

// How far the seeds so far are from the rows.
template <class T>
struct SeedingState {
    T* closest;
    double* potentials;
    std::int32_t* reach;
    Label* chosen;
};

// The steps to make, and the random numbers of all.
struct SeedingDraws {
    Matrix<const double> uniforms;
    size_t first_step;
    size_t last_step;
};

// The candidates of a step, and, as bits, the slots that each would come closer to.
struct SeedingFinds {
    Label* candidates;
    std::uint64_t* found;
    double* gains;
};

// The rows of greedy k-means++ without bounds, and how far the seeds so far are from them.
template <class T>
struct SeedingMeasured {
    Matrix<const T> X;
    const double* weights;
    T* closest;
    double* potentials;
    Label* chosen;
};

// The candidates of a step, the potentials that each would leave, and what it would gain.
struct SeedingOffers {
    Label* candidates;
    double *potentials, *gains;
};

// Rows of Lloyd's iterations; labels of -1 are not known yet.
template <class T>
struct LloydRows {
    Matrix<const T> X;
    const T* shift;
    const double* weights;
    Label* labels;
};

// Components less the shift, and the weighted sums, weights and numbers of their rows.
struct LloydModel {
    size_t k;
    double *means, *sums, *counts;
    std::int64_t* sizes;
    bool on_sphere;  // whether components have length 1
};

// When to rest: after `until` iterations, counted from the first call, or a small squared shift.
struct LloydTask {
    double tolerance;
    size_t until;
    Matrix<double> trace;
    char* space;
    std::int64_t* board;
    size_t few = 0;  // or once no more rows move
};

// Few rows; means are kept less the origin.
template <class T>
struct StartRows {
    Matrix<const T> X;
    const T* shift;
    const double *origin, *weights;
};

// What each start comes to, one after the other in each array.
struct StartModels {
    size_t k;
    Label *chosen, *labels;
    double *means, *sums, *counts;
    std::int64_t *sizes, *n_done;
};

// Random numbers of each start's choice of rows, and when its iterations end; see LloydTask.
struct StartTask {
    size_t count, trials;
    const double* uniforms;
    double tolerance;
    size_t until;
    double* trace;
    char* space;
};

// One local search: rows with half their squared norms less the shift.
template <class T>
struct DescentRows {
    Matrix<const T> X;
    const T* shift;
    const double *weights, *half_norms;
};

struct DescentModel {
    size_t k;
    double *means, *counts;
    Label* labels;
};

// Lloyd's iterations end once `few` rows move; `most` of them, and of the sweeps that follow.
struct DescentTask {
    size_t few, most;
    double slack;  // what a move must save
    char* space;
};

// Moves of single rows: see hartigan.hpp. Some rows, by number, and what is known of all.
struct HartiganRows {
    const std::int64_t* numbers;
    size_t size;
    const double* half_norms;  // half the squared norm
    const double* weights;
    const Label* labels;
    const Label* places;  // where each label is among the components, or -1
};

template <class T>
struct HartiganComponents {
    Matrix<const T> means;
    const T* half_norms;
    const T* shares;  // one over the weight of the rows behind each
};

struct Proposals {
    const std::int64_t* rows;
    const Label* targets;
    size_t size;
};

// A move must save more than `relative` of what its row costs now, plus `absolute`; a row with
// all but a share of `alone` of its component's weight stays.
struct HartiganLimits {
    double relative;
    double absolute;
    double alone;
};

// How far each mean moved; how the least cost of a move elsewhere shrank, by factor and by term.
struct HartiganDrift {
    const double* means;
    double factor;
    double term;
};

// At least the distance to the row's own mean, and at most the root of what a move would cost.
struct HartiganBounds {
    double* upper;
    double* lower;
};

struct Clustering {
    const double* weights;
    Label* labels;
    double* counts;
};

// Components as their neighbours are searched for: see neighbors.hpp.
struct NeighborCenters {
    const Label* members;   // the component at each place
    const Label* places;    // the place of each component
    Matrix<float> vectors;  // [place][column]
    float *half_norms, *shares;
};

// Rows unit by unit, and what is known of each; labels of -1 are not known yet.
struct NeighborRows {
    const std::int64_t *order, *starts;
    const double* weights;
    const Label* labels;
    const double* counts;  // weight of the rows of each component
};

// Groups of consecutive units, and the places that each unit is compared with (-1: none).
struct NeighborGroups {
    const std::int64_t* edges;
    size_t count;
    Matrix<const Label> lists;
};

struct NeighborFinds {
    Label* index;
    double* gains;
    std::int64_t* evaluations;
};

// Points cell by cell, the cells of places, and for each of the former the order of the latter.
struct NeighborCells {
    const std::int64_t *starts, *edges;
    Matrix<const Label> order;
    size_t enough;  // components to look at for each point
};

// Rows unit by unit, and the components that each keeps (-1: none yet).
struct NeighborUnits {
    const std::int64_t *order, *starts;
    Matrix<const Label> kept;
};

// Losses of components in the order of their places: offset - <x, vector>, offset +
// |(x - center) * scale|^2 / 2 with centers and scales side by side, or offset +
// |x P - center|^2 / 2 with centers and columns of P.
template <class P>
struct NeighborModel {
    const Label *members, *places;
    Matrix<const P> vectors;
    const P* offsets;
};

// The same of affine losses with the components of a column side by side, in whole groups.
template <class T>
struct NeighborLanes {
    const Label *members, *places;
    size_t k;
    Matrix<const T> components_t;
    const T* offsets;
};

// What every row finds: the smallest losses, ascending, and their components.
struct NeighborTop {
    Matrix<Label> index;
    double* loss;
    std::int64_t* evaluations;
};

// The few likeliest components of rows among those near them, and what the M-step needs of them.
template <class T>
struct TopKernels {
    void (*affine)(std::int64_t* board, Matrix<const T> X, const T* shift, NeighborUnits units,
                   NeighborModel<T> model, NeighborGroups groups, NeighborTop top);
    void (*scaled)(std::int64_t* board, Matrix<const T> X, const double* shift,
                   NeighborUnits units, NeighborModel<double> model, NeighborGroups groups,
                   NeighborTop top);
    void (*whitened)(std::int64_t* board, Matrix<const T> X, const double* shift,
                     NeighborUnits units, NeighborModel<double> model, NeighborGroups groups,
                     NeighborTop top);
    void (*grams)(Matrix<const T> X, const double* shift, Membership members, double* grams);
    void (*csr_i32)(std::int64_t* board, Csr<T, std::int32_t> X, NeighborUnits units,
                    NeighborLanes<T> model, NeighborGroups groups, NeighborTop top);
    void (*csr_i64)(std::int64_t* board, Csr<T, std::int64_t> X, NeighborUnits units,
                    NeighborLanes<T> model, NeighborGroups groups, NeighborTop top);
};

template <class T>
struct DenseKernels {
    void (*top_losses)(Matrix<const T> X, const T* shift, Matrix<const T> components,
                       const T* offsets, Matrix<Label> index, double* loss);
    void (*nearest)(std::int64_t* board, Matrix<const T> X, const T* shift,
                    Matrix<const T> components, const T* offsets, Label* labels,
                    std::int64_t* astray);
    void (*weighted_sums)(Matrix<const T> X, const T* shift, Membership members, double* counts,
                          double* sums);
    void (*weighted_squares)(Matrix<const T> X, const T* shift, Membership members,
                             double* squares);
    void (*squared_norms)(Matrix<const T> X, const T* shift, double* out);
    void (*products)(Matrix<const T> X, Matrix<const T> columns, Matrix<double> out);
    void (*squared_distances)(Matrix<const T> X, const double* centers, const Label* index,
                              double* out);
    double (*seeding_round_bytes)(Matrix<const T> Y, double scale, Matrix<std::uint8_t> Q);
    double (*seeding_round_words)(Matrix<const T> Y, double scale, Matrix<std::int16_t> Q);
    void (*seeding_steps)(SeedingRows<T> rows, SeedingState<T> state, SeedingDraws draws,
                          SeedingFinds finds, std::int64_t* board);
    void (*seeding_plain)(SeedingMeasured<T> rows, SeedingDraws task, SeedingOffers finds,
                          std::int64_t* board);
    void (*lloyd)(LloydRows<T> rows, LloydModel model, LloydTask task);
    size_t (*lloyd_space)(size_t n, size_t d, size_t k);  // bytes that lloyd works in
    void (*lloyd_starts)(StartRows<T> rows, StartModels models, StartTask task);
    size_t (*lloyd_starts_space)(size_t n, size_t d, size_t k, size_t trials);
    void (*hartigan_targets)(Matrix<const T> X, const T* shift, HartiganRows rows,
                             HartiganComponents<T> components, Label* index, double* cost);
    size_t (*hartigan_open)(Matrix<const T> X, Matrix<double> means, size_t begin, size_t end,
                            HartiganDrift drift, HartiganLimits limits, Clustering clustering,
                            HartiganBounds bounds, std::int64_t* rows);
    double (*hartigan_moves)(Matrix<const T> X, Proposals proposals, HartiganLimits limits,
                             Clustering clustering, Matrix<double> means);
    void (*neighbor_targets)(std::int64_t* board, Matrix<const T> X, const T* shift, double scale,
                             NeighborRows rows, NeighborCenters centers, NeighborGroups groups,
                             NeighborFinds finds);
    void (*neighbor_kept)(std::int64_t* board, Matrix<const T> X, const T* shift, double scale,
                          NeighborRows rows, NeighborCenters centers, Matrix<const Label> kept,
                          NeighborFinds finds);
    double (*descend)(DescentRows<T> rows, DescentModel model, DescentTask task);
    size_t (*descent_space)(size_t n, size_t d, size_t k, size_t most);  // bytes
};

// Rows of either precision under the components of a mixture; all else is float64.
template <class T, class Model>
struct LossKernels {
    void (*posterior)(Matrix<const T> X, const double* shift, Model model, Posterior out,
                      Matrix<double> probability);  // [component][row]
    void (*moments)(Matrix<const T> X, const double* shift, Model model, Posterior out,
                    Moments moments);
};

template <class T, class Model>
using TopKernel = void (*)(Matrix<const T> X, const double* shift, Model model,
                           Matrix<Label> index, double* loss);

template <class T>
struct MixtureKernels {
    LossKernels<T, AffineModel> affine;
    LossKernels<T, ScaledModel> scaled;
    LossKernels<T, WhitenedModel> whitened;
    TopKernel<T, ScaledModel> scaled_top;
    TopKernel<T, WhitenedModel> whitened_top;
    void (*component_moments)(Matrix<const T> X, const double* shift,
                              Matrix<const double> weight, Moments moments);
};

template <class T, class I>
struct SparseKernels {
    void (*top_losses)(Csr<T, I> X, Matrix<const T> components_t, const T* offsets,
                       Matrix<Label> index, double* loss);
    void (*nearest_sum)(Csr<T, I> X, Matrix<const double> sums_t, const double* factors,
                        const double* offsets, Label* labels, double* loss);
    void (*add_to_sums)(Csr<T, I> X, const Label* labels, const double* weights, double* counts,
                        Matrix<double> sums_t, double* squares);
    void (*weighted_sums)(Csr<T, I> X, Membership members, double* counts, Matrix<double> sums);
    void (*weighted_squares)(Csr<T, I> X, Membership members, Matrix<double> squares);
    void (*squared_norms)(Csr<T, I> X, double* out);
    void (*poisson_multiplicative)(std::int64_t* board, Csr<T, I> X, const T* offsets,
                                   PoissonModel<T> model, PoissonCodes<T> out);
    void (*poisson_coordinate)(std::int64_t* board, Csr<T, I> X, const T* offsets,
                               PoissonModel<T> model, size_t sweeps, PoissonCodes<T> out);
    void (*poisson_explained)(std::int64_t* board, Csr<T, I> X, const T* offsets,
                              PoissonModel<T> model, const T* codes, T* explained);
    void (*poisson_newton)(std::int64_t* board, Csr<T, I> X, PoissonModel<T> model,
                           PoissonNewton<T> newton, PoissonCodes<T> out);
    void (*products)(Csr<T, I> X, Matrix<const T> columns, Matrix<double> out);
    void (*sampled_products)(Csr<T, I> positions, const T* codes, Matrix<const T> components_t,
                             double* out);
    void (*lloyd)(Csr<T, I> X, size_t d, const double* weights, Label* labels, LloydModel model,
                  LloydTask task);
    size_t (*lloyd_space)(size_t n, size_t entries, size_t d, size_t k);  // bytes
    void (*hartigan_targets)(Csr<T, I> X, HartiganRows rows, HartiganComponents<T> components,
                             Label* index, double* cost);
    size_t (*hartigan_open)(Csr<T, I> X, const double* half_norms, Matrix<double> means,
                            size_t begin, size_t end, HartiganDrift drift, HartiganLimits limits,
                            Clustering clustering, HartiganBounds bounds, std::int64_t* rows);
    double (*hartigan_moves)(Csr<T, I> X, const double* half_norms, Proposals proposals,
                             HartiganLimits limits, Clustering clustering, Matrix<double> means);
};

// Weighted points with the heights of the functions h_j - |x_j - y|^2 of a place y.
struct LocationPoints {
    Matrix<const double> values;
    const double* weights;
    const double* heights;
};

// Boxes of places; box b takes candidates starts[parents[b]] .. starts[parents[b] + 1].
struct LocationBoxes {
    Matrix<const double> low, high;
    const Label* parents;
    const std::int64_t* starts;
    const Label* candidates;
};

// What is found of boxes: points surely within reach (updated), those that may be, the most.
struct LocationFinds {
    Matrix<double> inside;
    std::int64_t* starts;
    Label* candidates;
    double* bounds;
    Matrix<double> peaks;
    Label* axes;
};

// Least squares of rows under Gram matrices scales_n (base + sign sum of w w'), over the listed
// columns w of each; scales and loss may be null.
struct ObservedSquares {
    Matrix<const double> base, columns;
    double sign;
    const double *scales, *products;
    double* codes;
    size_t sweeps;
    double l1, l2, lowest;
    double* loss;
};

// Linear limits of heights: one for each set of points.
struct LocationCuts {
    const std::int64_t* starts;
    const Label* members;
    const double* masses;
    const double* limits;
    double* multipliers;
    size_t count;
    double share;
};

struct Kernels {
    DenseKernels<float> dense_f32;
    DenseKernels<double> dense_f64;
    SparseKernels<float, std::int32_t> sparse_f32_i32;
    SparseKernels<float, std::int64_t> sparse_f32_i64;
    SparseKernels<double, std::int32_t> sparse_f64_i32;
    SparseKernels<double, std::int64_t> sparse_f64_i64;
    MixtureKernels<float> mixture_f32;
    MixtureKernels<double> mixture_f64;
    TopKernels<float> top_f32;
    TopKernels<double> top_f64;
    PoissonKernels<float> poisson_f32;
    PoissonKernels<double> poisson_f64;
    void (*soft_assign)(Matrix<double> loss, double* log_norm);
    void (*nonnegative_sweeps)(Matrix<const double> gram, Matrix<const double> products,
                               double* codes, size_t sweeps, double l1, double l2, double* loss);
    void (*observed_sweeps_i32)(Csr<double, std::int32_t> listed, ObservedSquares squares);
    void (*observed_sweeps_i64)(Csr<double, std::int64_t> listed, ObservedSquares squares);
    void (*seeding_order)(Matrix<const std::uint8_t> Q, size_t columns, size_t least, Label* rows,
                          size_t count);
    void (*seeding_strips)(Matrix<const std::uint8_t> Q, const Label* order,
                           Matrix<std::int32_t> firsts, Matrix<std::int32_t> others,
                           std::int32_t* first_norms, std::int32_t* norms);
    void (*neighbor_centers)(std::int64_t* board, Matrix<const double> means, const double* counts,
                             const double* shift, double scale, double most_share,
                             NeighborCenters centers);
    void (*neighbor_order)(const Label* labels, const Label* places, size_t n, size_t k,
                           std::int64_t* starts, std::int64_t* order);
    void (*neighbor_lists)(std::int64_t* board, Matrix<const float> points, NeighborCells cells,
                           NeighborCenters centers, Matrix<Label> lists,
                           std::int64_t* evaluations);
    void (*location_ascend)(LocationPoints points, size_t steps, Matrix<double> places,
                            double* values);
    void (*location_bounds)(LocationPoints points, LocationBoxes boxes, LocationFinds finds);
    double (*location_project)(const double* weights, LocationCuts cuts, double* heights, size_t n,
                               size_t sweeps, double tolerance);
};

// The instruction sets that are compiled, best first, as in CMakeLists.txt.
#if defined(__x86_64__)
#define COFACTOR_FOR_EACH_ISA(DO) DO(avx512) DO(avx2) DO(baseline)
#elif defined(__aarch64__)
#define COFACTOR_FOR_EACH_ISA(DO) DO(neon)
#else
#define COFACTOR_FOR_EACH_ISA(DO) DO(baseline)
#endif

// Let others run, the longer the oftener this was called in vain; defined in cpu.cpp.
void wait_a_moment(int times);

// A clock that never goes back; defined in cpu.cpp.
double seconds_now();

// Points on a line in ascending order, with weights above 0.
struct LinePoints {
    const double *values, *weights;
    size_t size;
};

// The edges of their best clusters, and the inertia; how many bytes that takes. Defined in line.cpp.
double partition_line(LinePoints points, size_t clusters, std::int64_t* edges, char* space);
size_t line_space(size_t n);

#define COFACTOR_DECLARE(isa)         \
    namespace isa {                   \
    extern const Kernels kernels;     \
    bool runs_here();                 \
    }
COFACTOR_FOR_EACH_ISA(COFACTOR_DECLARE)
#undef COFACTOR_DECLARE

#if defined(__x86_64__)
namespace avx512 {
// Whether the processor has products of pairs of numbers of 16 bits; defined in cpu.cpp.
bool multiplies_bfloats();
}  // namespace avx512
#endif

}  // namespace cofactor
