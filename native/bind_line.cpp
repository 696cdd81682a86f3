// Bindings of the best partition of points on a line.
#include "bindings.hpp"

namespace cofactor {

void bind_line(nb::module_& module) {
    module.def("line_space", [](size_t n) { return line_space(n); }, nb::arg("n"));
    module.def(
        "partition_line",
        [](const Array1<const double>& values, const Array1<const double>& weights,
           const Array1<std::int64_t>& edges, const Array1<std::uint8_t>& space) {
            const size_t n = values.shape(0), clusters = edges.shape(0) - 1;
            expect("weights", weights, {n});
            expect("space", space, {line_space(n)});
            if (edges.shape(0) < 2 || clusters > n)
                throw nb::value_error("edges do not make at least 1 and at most n clusters");
            return partition_line({values.data(), weights.data(), n}, clusters, edges.data(),
                                  reinterpret_cast<char*>(space.data()));
        },
        named("values"), named("weights"), named("edges"), named("space"), Unlocked());
}

}  // namespace cofactor
