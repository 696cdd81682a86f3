// Where threads wake up: not on the processor of the thread that wakes them, which goes on working.
// Schedulers may put them there nonetheless, where they wait for milliseconds while another processor
// is idle.
#pragma once

#include <thread>
#include <vector>

#if defined(__linux__)
#include <pthread.h>
#include <sched.h>
#endif

namespace cofactor {

#if defined(__linux__)
class Placement {
public:
    // Keep sleeping threads off the caller's processor, if it may use others.
    void elsewhere(std::vector<std::thread>& threads) {
        const int here = sched_getcpu();
        known_ = here >= 0 && here < CPU_SETSIZE && !sched_getaffinity(0, sizeof all_, &all_);
        if (!known_) return;
        cpu_set_t others = all_;
        CPU_CLR(here, &others);
        if (!CPU_COUNT(&others)) return;
        for (std::thread& thread : threads)
            pthread_setaffinity_np(thread.native_handle(), sizeof others, &others);
    }

    // Let a thread that woke up run wherever the one that woke it may.
    void anywhere() const {
        if (known_) pthread_setaffinity_np(pthread_self(), sizeof all_, &all_);
    }

private:
    cpu_set_t all_;
    bool known_ = false;
};
#else
class Placement {
public:
    void elsewhere(std::vector<std::thread>&) {}
    void anywhere() const {}
};
#endif

}  // namespace cofactor
