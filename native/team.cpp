#include "team.hpp"

#include <new>
#include <system_error>

#include "kernels.hpp"

namespace cofactor {
namespace {

// How long helpers look out awake: about as long as fits do other things between two calls.
constexpr double patience = 0.0005;  // seconds

}  // namespace

Team::Team(size_t helpers) {
    threads_.reserve(helpers);
    try {
        while (threads_.size() < helpers) threads_.emplace_back([this] { help(); });
    } catch (const std::system_error&) {
        // The system allows no more: those that started help.
    }
}

Team::~Team() {
    {
        const std::lock_guard lock(mutex_);
        leaving_ = true;
    }
    bell_.notify_all();
    for (std::thread& thread : threads_) thread.join();
}

void Team::share(Call call) {
    call_ = call;
    door_ += next + open;
    if (asleep_) {
        const std::lock_guard lock(mutex_);
        placement_.elsewhere(threads_);
        bell_.notify_all();
    }
    struct Closing {
        Team& team;
        ~Closing() {
            team.door_ -= open;
            for (int times = 0; team.door_ & inside; ++times) wait_a_moment(times);
        }
    };
    {
        const Closing closing{*this};
        call();
    }
    if (failed_.exchange(false)) throw std::bad_alloc();
}

void Team::help() {
    for (Door seen = 0; await(seen);) {
        if (!enter(seen)) continue;
        try {
            call_();
        } catch (...) {  // there was no memory, as nothing else is thrown
            failed_ = true;
        }
        door_ -= one;
    }
}

// Return when there is another call than the one seen; false if the team is dismissed.
bool Team::await(Door seen) {
    const double bedtime = seconds_now() + patience;
    for (int times = 0; seconds_now() < bedtime; ++times) {
        if (leaving_ || called(seen)) return !leaving_;
        wait_a_moment(times);
    }
    std::unique_lock lock(mutex_);
    ++asleep_;
    bell_.wait(lock, [&] { return leaving_ || called(seen); });
    --asleep_;
    placement_.anywhere();
    return !leaving_;
}

// Enter if the door is open; the call is seen in any case.
bool Team::enter(Door& seen) {
    seen = door_;
    while (seen & open)
        if (door_.compare_exchange_weak(seen, seen + one)) return true;
    return false;
}

}  // namespace cofactor
