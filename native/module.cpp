// The Python module: one submodule of kernels for every instruction set that this machine has.
#include "bindings.hpp"

namespace cofactor {
namespace {

void bind(nb::module_& parent, nb::list& names, const char* name, const Kernels& kernels) {
    nb::module_ module = parent.def_submodule(name);
    bind_rows(module, kernels);
    bind_lloyd(module, kernels);
    bind_descent(module, kernels);
    bind_line(module);
    bind_tables(module);
    bind_seeding(module, kernels);
    bind_sparse_rows(module, kernels);
    bind_poisson(module, kernels);
    bind_poisson_dense(module, kernels);
    bind_mixture(module, kernels);
    bind_hartigan(module, kernels);
    bind_neighbors(module, kernels);
    bind_neighbor_top(module, kernels);
    bind_location(module, kernels);
    names.append(name);
}

}  // namespace
}  // namespace cofactor

NB_MODULE(_native, module) {
    nb::list names;
#define COFACTOR_BIND(isa)          \
    if (cofactor::isa::runs_here()) \
        cofactor::bind(module, names, #isa, cofactor::isa::kernels);
    COFACTOR_FOR_EACH_ISA(COFACTOR_BIND)
    cofactor::bind_team(module);
    module.attr("supported") = nb::tuple(names);
}
