// What is asked of the machine: which instruction sets it has, to wait, and the time.
#include <chrono>
#include <thread>

#include "kernels.hpp"

namespace cofactor {
double seconds_now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

void wait_a_moment(int times) {
    constexpr int patience = 64;  // about as long as a thread takes to wake up
    if (times >= patience) return std::this_thread::yield();
    for (int i = 0; i < 32; ++i) {
#if defined(__x86_64__)
        __builtin_ia32_pause();
#elif defined(__aarch64__)
        asm volatile("yield");
#endif
    }
}
}  // namespace cofactor

#if defined(__x86_64__)
namespace cofactor::avx512 {
bool runs_here() {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("fma");
}

bool multiplies_bfloats() {
    static const bool does = __builtin_cpu_supports("avx512bf16");
    return does;
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
