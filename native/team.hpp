// Threads that help with kernels.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "placement.hpp"

namespace cofactor {

// Threads that call what one caller at a time calls, beside it. Between two calls they look out for
// the next one, at first awake, then asleep.
class Team {
public:
    explicit Team(size_t helpers);
    ~Team();
    Team(const Team&) = delete;
    Team& operator=(const Team&) = delete;

    // Call work() here and on all helpers that come before that has ended; then wait for those that
    // came. A helper that fails throws here.
    template <class Work>
    void share(Work& work) {
        share(Call{[](void* self) { (*static_cast<Work*>(self))(); }, &work});
    }

private:
    struct Call {
        void (*function)(void*);
        void* self;

        void operator()() const { function(self); }
    };

    // Who may come in: how many are inside, whether the door is open, and the number of the call.
    using Door = std::uint64_t;
    static constexpr Door one = 1, open = Door{1} << 20, inside = open - 1, next = open << 1;

    void share(Call call);
    void help();
    bool called(Door seen) const { return door_.load() / next != seen / next; }
    bool await(Door seen);
    bool enter(Door& seen);

    std::atomic<Door> door_{0};
    std::atomic<bool> leaving_{false}, failed_{false};
    std::atomic<size_t> asleep_{0};
    Call call_{};
    std::mutex mutex_;
    std::condition_variable bell_;
    Placement placement_;
    std::vector<std::thread> threads_;
};

}  // namespace cofactor
