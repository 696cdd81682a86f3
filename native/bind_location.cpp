// Bindings of what bounds clusterings by where a cluster could lie.
#include "bindings.hpp"

namespace cofactor {
namespace {

using Doubles = Array1<const double>;
using Places = Array1<const Label>;
using Edges = Array1<const std::int64_t>;

LocationPoints points_of(const Array2<const double>& values, const Doubles& weights,
                         const Doubles& heights) {
    expect("weights", weights, {values.shape(0)});
    expect("heights", heights, {values.shape(0)});
    return {matrix(values), weights.data(), heights.data()};
}

}  // namespace

void bind_location(nb::module_& module, const Kernels& kernels) {
    module.def(
        "location_ascend",
        [&kernels](const Array2<const double>& X, const Doubles& weights, const Doubles& heights,
                   size_t steps, const Array2<double>& places, const Array1<double>& values) {
            expect("places", places, {places.shape(0), X.shape(1)});
            expect("values", values, {places.shape(0)});
            kernels.location_ascend(points_of(X, weights, heights), steps, matrix(places),
                                    values.data());
        },
        named("X"), named("weights"), named("heights"), nb::arg("steps"), named("places"),
        named("values"), Unlocked());
    module.def(
        "location_bounds",
        [&kernels](const Array2<const double>& X, const Doubles& weights, const Doubles& heights,
                   const Array2<const double>& low, const Array2<const double>& high,
                   const Places& parents, const Edges& starts, const Places& candidates,
                   const Array2<double>& inside, const Array1<std::int64_t>& kept_starts,
                   const Array1<Label>& kept, const Array1<double>& bounds,
                   const Array2<double>& peaks, const Array1<Label>& axes) {
            const size_t boxes = low.shape(0), d = X.shape(1);
            expect("low", low, {boxes, d});
            expect("high", high, {boxes, d});
            expect("parents", parents, {boxes});
            expect("inside", inside, {boxes, d + 2});
            expect("kept_starts", kept_starts, {boxes + 1});
            expect("bounds", bounds, {boxes});
            expect("peaks", peaks, {boxes, d});
            expect("axes", axes, {boxes});
            std::int64_t most = 0;
            for (size_t b = 0; b < boxes; ++b) {
                const Label parent = parents.data()[b];
                if (parent < 0 || static_cast<size_t>(parent) + 1 >= starts.shape(0))
                    throw nb::value_error("parents name lists that are not there");
                most += starts.data()[parent + 1] - starts.data()[parent];
            }
            if (static_cast<std::int64_t>(kept.shape(0)) < most)
                throw nb::value_error("kept has too little room");
            kernels.location_bounds(
                points_of(X, weights, heights),
                {matrix(low), matrix(high), parents.data(), starts.data(), candidates.data()},
                {matrix(inside), kept_starts.data(), kept.data(), bounds.data(), matrix(peaks),
                 axes.data()});
        },
        named("X"), named("weights"), named("heights"), named("low"), named("high"),
        named("parents"), named("starts"), named("candidates"), named("inside"),
        named("kept_starts"), named("kept"), named("bounds"), named("peaks"), named("axes"),
        Unlocked());
    module.def(
        "location_project",
        [&kernels](const Doubles& weights, const Edges& starts, const Places& members,
                   const Doubles& masses, const Doubles& limits, double share,
                   const Array1<double>& multipliers, const Array1<double>& heights,
                   size_t sweeps, double tolerance) {
            const size_t count = masses.shape(0);
            expect("starts", starts, {count + 1});
            expect("members", members, {static_cast<size_t>(starts.data()[count])});
            expect("limits", limits, {count});
            expect("multipliers", multipliers, {count});
            expect("heights", heights, {weights.shape(0)});
            return kernels.location_project(
                weights.data(),
                {starts.data(), members.data(), masses.data(), limits.data(), multipliers.data(),
                 count, share},
                heights.data(), weights.shape(0), sweeps, tolerance);
        },
        named("weights"), named("starts"), named("members"), named("masses"), named("limits"),
        nb::arg("share"), named("multipliers"), named("heights"), nb::arg("sweeps"),
        nb::arg("tolerance"), Unlocked());
}

}  // namespace cofactor
