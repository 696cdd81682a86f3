// Which instruction sets this machine has.
#include "kernels.hpp"

#if defined(__x86_64__)
namespace cofactor::avx512 {
bool runs_here() {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("fma");
}
}  // namespace cofactor::avx512

namespace cofactor::avx2 {
bool runs_here() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
}  // namespace cofactor::avx2
#endif

#if defined(__aarch64__)
namespace cofactor::neon {
bool runs_here() { return true; }
}  // namespace cofactor::neon
#else
namespace cofactor::baseline {
bool runs_here() { return true; }
}  // namespace cofactor::baseline
#endif
