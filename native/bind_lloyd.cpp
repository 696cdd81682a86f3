// Bindings of the kernels of Lloyd's iterations.
#include "bindings.hpp"

namespace cofactor {
namespace {

template <class T>
void bind_bounded_nearest(nb::module_& module, const DenseKernels<T>& kernels) {
    module.def(
        "bounded_nearest",
        [&kernels](const Array2<const T>& X, const Array1<const T>& shift,
                   const Array1<const T>& norms, const Array2<const T>& components,
                   const Array2<const T>& tiles, const Array1<const T>& offsets, const Array2<const Label>& members,
                   const Array1<const Label>& places, const Array1<const T>& drift,
                   const Array1<const T>& group_drift, double reach, const Array1<Label>& label,
                   const Array1<T>& upper, const Array2<T>& lower, const Array1<Label>& moved) {
            const size_t n = X.shape(0), groups = members.shape(0);
            const size_t k = components.shape(0), slots = groups * members.shape(1);
            if (members.shape(1) % 6)
                throw nb::value_error("groups have no multiple of 6 members");
            expect("shift", shift, {X.shape(1)});
            expect("norms", norms, {n});
            expect("components", components, {k, X.shape(1)});
            expect("tiles", tiles, {slots / 6 * X.shape(1), 6});
            expect("offsets", offsets, {slots});
            expect("places", places, {k});
            expect("drift", drift, {k});
            expect("group_drift", group_drift, {groups});
            expect("label", label, {n});
            expect("upper", upper, {n});
            expect("lower", lower, {groups, n});
            expect("moved", moved, {n});
            return kernels.bounded_nearest(
                matrix(X), shift.data(), norms.data(),
                {matrix(components), tiles.data(), offsets.data(), matrix(members), places.data(),
                 drift.data(), group_drift.data(), static_cast<T>(reach)},
                {label.data(), upper.data(), lower.data()}, moved.data());
        },
        named("X"), named("shift"), named("norms"), named("components"), named("tiles"),
        named("offsets"), named("members"), named("places"), named("drift"),
        named("group_drift"), nb::arg("reach"), named("label"), named("upper"), named("lower"), named("moved"), Unlocked());
}

}  // namespace

void bind_lloyd(nb::module_& module, const Kernels& kernels) {
    bind_bounded_nearest(module, kernels.dense_f32);
    bind_bounded_nearest(module, kernels.dense_f64);
}

}  // namespace cofactor
