// Bindings of the threads that help with kernels.
#include "bindings.hpp"

#if !defined(_WIN32)
#include <unistd.h>
#endif

namespace cofactor {
namespace {

#if defined(_WIN32)
std::int64_t process() { return 0; }
#else
std::int64_t process() { return getpid(); }
#endif

// A team and its process: in children made by fork its threads are not there to be waited for.
struct Hired {
    explicit Hired(size_t helpers) : team(helpers), owner(process()) {}

    Team team;
    std::int64_t owner;
};

}  // namespace

void bind_team(nb::module_& module) {
    module.def(
        "hire",
        [](size_t helpers) { return reinterpret_cast<std::intptr_t>(new Hired(helpers)); },
        nb::arg("helpers"));
    module.def(
        "dismiss",
        [](std::intptr_t team) {
            auto* const hired = reinterpret_cast<Hired*>(team);
            if (hired->owner == process()) delete hired;
        },
        nb::arg("team"), Unlocked());
}

}  // namespace cofactor
