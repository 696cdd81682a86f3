// Bindings of the kernels of greedy k-means++.
#include "bindings.hpp"

namespace cofactor {
namespace {

constexpr size_t strip = 16, block = strip * strip, chunk = 4 * block, panel = 64;

size_t parts(size_t whole, size_t part) { return (whole + part - 1) / part; }

using Words = Array2<std::int32_t>;
using Coordinates = Array2<const std::uint8_t>;

template <class Strips>
void expect_quads(const Strips& firsts, const Strips& others) {
    if (firsts.shape(1) % strip || others.shape(1) % strip)
        throw nb::value_error("strips are not as wide as quads of coordinates of 16 rows");
}

void expect_steps(size_t trials, size_t first, size_t last, const Array1<Label>& chosen) {
    if (trials == 0 || last > chosen.shape(0) || first > last)
        throw nb::value_error("expected candidates, and steps among those to choose");
}

void bind_layout(nb::module_& module, const Kernels& kernels) {
    module.def(
        "seeding_order",
        [&kernels](const Coordinates& Q, size_t columns, size_t least, const Array1<Label>& rows) {
            if (columns < 1 || columns > Q.shape(1))
                throw nb::value_error("columns are fewer than one or more than there are");
            kernels.seeding_order(matrix(Q), columns, least, rows.data(), rows.shape(0));
        },
        named("Q"), nb::arg("columns"), nb::arg("least"), named("rows"), Unlocked());
    module.def(
        "seeding_strips",
        [&kernels](const Coordinates& Q, const Array1<const Label>& order, const Words& firsts,
                   const Words& others, const Array1<std::int32_t>& first_norms,
                   const Array1<std::int32_t>& norms) {
            expect("first_norms", first_norms, {firsts.shape(0) * strip});
            expect("norms", norms, {firsts.shape(0) * strip});
            expect("order", order, {firsts.shape(0) * strip});
            expect("others", others, {firsts.shape(0), others.shape(1)});
            expect_quads(firsts, others);
            if ((firsts.shape(1) + others.shape(1)) / strip * 4 > Q.shape(1))
                throw nb::value_error("strips have more coordinates than rows have columns");
            kernels.seeding_strips(matrix(Q), order.data(), matrix(firsts), matrix(others),
                                   first_norms.data(), norms.data());
        },
        named("Q"), named("order"), named("firsts"), named("others"), named("first_norms"),
        named("norms"), Unlocked());
}

template <class T, class Whole>
void bind_round(nb::module_& module,
                double (*round)(Matrix<const T> Y, double scale, Matrix<Whole> Q)) {
    module.def(
        "seeding_round",
        [round](const Array2<const T>& Y, double scale, const Array2<Whole>& Q) {
            expect("Q", Q, {Y.shape(0), Q.shape(1)});
            return round(matrix(Y), scale, matrix(Q));
        },
        named("Y"), nb::arg("scale"), named("Q"), Unlocked());
}

template <class T>
void bind_plain(nb::module_& module, const DenseKernels<T>& kernels) {
    module.def(
        "seeding_plain",
        [&kernels](const Array2<const T>& X, const Array1<const double>& weights,
                   const Array1<T>& closest, const Array1<double>& potentials,
                   const Array1<Label>& chosen, const Array2<const double>& uniforms,
                   size_t first_step, size_t last_step, const Array1<Label>& candidates,
                   const Array2<double>& offered, const Array2<double>& gains,
                   const Board& board) {
            const size_t n = X.shape(0), trials = candidates.shape(0);
            expect_steps(trials, first_step, last_step, chosen);
            expect("weights", weights, {n});
            expect("closest", closest, {n});
            expect("potentials", potentials, {parts(n, panel)});
            expect("uniforms", uniforms, {chosen.shape(0) - 1, trials});
            expect("offered", offered, {trials, parts(n, panel)});
            expect("gains", gains, {trials, parts(n, panel)});
            expect("board", board, {board_size});
            with_helpers(board, [&] {
                kernels.seeding_plain(
                    {matrix(X), weights.data(), closest.data(), potentials.data(), chosen.data()},
                    {matrix(uniforms), first_step, last_step},
                    {candidates.data(), offered.data(), gains.data()}, board.data());
            });
        },
        named("X"), named("weights"), named("closest"), named("potentials"), named("chosen"),
        named("uniforms"), nb::arg("first_step"), nb::arg("last_step"), named("candidates"),
        named("offered"), named("gains"), named("board"), Unlocked());
}

template <class T>
void bind_steps(nb::module_& module, const DenseKernels<T>& kernels) {
    bind_round(module, kernels.seeding_round_bytes);
    bind_round(module, kernels.seeding_round_words);
    module.def(
        "seeding_steps",
        [&kernels](const Array2<const T>& X, const Array1<const double>& weights,
                   const Array1<const Label>& order, const Array1<const Label>& places,
                   const Array2<const std::int32_t>& firsts,
                   const Array2<const std::int32_t>& others,
                   const Array1<const std::int32_t>& first_norms,
                   const Array1<const std::int32_t>& norms,
                   const Array2<const std::int16_t>& profiles, double scale, double slack,
                   double fineness, double fine_slack,
                   const Array1<T>& closest, const Array1<double>& potentials,
                   const Array1<std::int32_t>& reach,
                   const Array1<Label>& chosen, const Array2<const double>& uniforms,
                   size_t first_step, size_t last_step, const Array1<Label>& candidates,
                   const Array2<std::uint64_t>& found, const Array2<double>& gains,
                   const Board& board) {
            const size_t n = X.shape(0), trials = candidates.shape(0);
            const size_t room = norms.shape(0);
            const size_t pieces = parts(room, chunk);
            expect_steps(trials, first_step, last_step, chosen);
            if (profiles.shape(1) % 32)
                throw nb::value_error("profiles have no multiple of 32 columns");
            expect("weights", weights, {n});
            expect("order", order, {room});
            expect("places", places, {n});
            if (room % block) throw nb::value_error("slots are not in whole blocks");
            expect("firsts", firsts, {room / strip, firsts.shape(1)});
            expect("others", others, {room / strip, others.shape(1)});
            expect_quads(firsts, others);
            expect("first_norms", first_norms, {room});
            expect("profiles", profiles, {profiles.shape(1) ? room : 0, profiles.shape(1)});
            expect("closest", closest, {n});
            expect("potentials", potentials, {parts(n, panel)});
            expect("reach", reach, {room});
            expect("uniforms", uniforms, {chosen.shape(0) - 1, trials});
            expect("found", found, {pieces * trials, chunk / 64});
            expect("gains", gains, {pieces, trials});
            expect("board", board, {board_size});
            with_helpers(board, [&] {
                kernels.seeding_steps(
                    {matrix(X), weights.data(), order.data(), places.data(),
                     {matrix(firsts), matrix(others), first_norms.data(), norms.data()},
                     matrix(profiles), scale, slack, fineness, fine_slack},
                    {closest.data(), potentials.data(), reach.data(), chosen.data()},
                    {matrix(uniforms), first_step, last_step},
                    {candidates.data(), found.data(), gains.data()}, board.data());
            });
        },
        named("X"), named("weights"), named("order"), named("places"), named("firsts"),
        named("others"), named("first_norms"), named("norms"), named("profiles"),
        nb::arg("scale"), nb::arg("slack"), nb::arg("fineness"), nb::arg("fine_slack"),
        named("closest"), named("potentials"), named("reach"), named("chosen"), named("uniforms"),
        nb::arg("first_step"), nb::arg("last_step"), named("candidates"), named("found"),
        named("gains"), named("board"), Unlocked());
}

}  // namespace

void bind_seeding(nb::module_& module, const Kernels& kernels) {
    bind_layout(module, kernels);
    bind_steps(module, kernels.dense_f32);
    bind_steps(module, kernels.dense_f64);
    bind_plain(module, kernels.dense_f32);
    bind_plain(module, kernels.dense_f64);
}

}  // namespace cofactor
