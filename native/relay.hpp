// One job for any number of threads, each of which calls the same kernel with the same arguments.
//
// A job goes from stage to stage; a stage is a number of pieces. Whoever is free takes the next
// piece; whoever finishes the last piece of a stage prepares the next one, alone. No thread is
// waited for before it has taken a piece, so a job is done by those who come, even by one. What a
// piece computes must not depend on who takes it: then neither do the results.
#pragma once

#include "simd.hpp"

namespace cofactor::COFACTOR_ISA {

constexpr std::int64_t job_over = -1;  // in place of a turn
constexpr size_t board_ranges = 4;

// What the threads of a job share: a caller's array of zeros.
struct Board {
    std::int64_t turn;    // stage << 40 | pieces << 20 | next piece
    std::int64_t done;    // pieces of this stage that are finished
    std::int64_t helpers;   // a team that calls the kernel, too, or 0; not read by kernels
    std::int64_t apart[5];  // a cache line of their own
    std::int64_t notes[8];  // of the job
    std::int64_t ranges[board_ranges][8];  // what was taken of each, with a cache line of its own
};
static_assert(sizeof(Board) == board_size * sizeof(std::int64_t));

// A job has `void work(size_t piece)` and `size_t advance()`, which prepares the next stage and
// returns its number of pieces; zero ends the job. It begins with `advance`.
template <class Job>
class Relay {
public:
    explicit Relay(Board* board) : board_(board) {}

    // Return when the job is done, whoever did it.
    void run(Job& job) {
        run(job, [] { return false; });
    }

    // Return when the job is done or `tired()` says so; the same call goes on with it.
    template <class Tired>
    void run(Job& job, Tired tired) {
        if (open()) next_stage(job, 0);
        for (int idle = 0; !tired();) {
            std::int64_t turn = __atomic_load_n(&board_->turn, __ATOMIC_ACQUIRE);
            if (turn == over) return;
            if ((turn & most) == (turn >> 20 & most)) {
                wait_a_moment(idle++);
                continue;
            }
            if (!swap(turn, turn + 1)) continue;
            idle = 0;
            job.work(static_cast<size_t>(turn & most));
            if (__atomic_add_fetch(&board_->done, 1, __ATOMIC_ACQ_REL) == (turn >> 20 & most))
                next_stage(job, turn >> 40);
        }
    }

private:
    static constexpr std::int64_t over = job_over, most = (1 << 20) - 1, opening = std::int64_t{1} << 40;

    // The first to come prepares the first stage; until then there are no pieces to take.
    bool open() { return swap(0, opening); }

    bool swap(std::int64_t expected, std::int64_t desired) {
        return __atomic_compare_exchange_n(&board_->turn, &expected, desired, false,
                                           __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
    }

    void next_stage(Job& job, std::int64_t stage) {
        __atomic_store_n(&board_->done, 0, __ATOMIC_RELAXED);
        const std::int64_t pieces = static_cast<std::int64_t>(job.advance());
        // Stages are told apart by a number that may come around again, but not to 0.
        const std::int64_t number = stage % ((1 << 20) - 1) + 1;
        __atomic_store_n(&board_->turn, pieces ? number << 40 | pieces << 20 : over,
                         __ATOMIC_RELEASE);
    }

    Board* const board_;
};

}  // namespace cofactor::COFACTOR_ISA
