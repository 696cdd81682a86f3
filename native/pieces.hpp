// Jobs of one stage, for kernels whose threads share a board.
#pragma once

#include "relay.hpp"

namespace cofactor::COFACTOR_ISA {

// A job of one stage; threads that call this with the same board share it. Returns when it is done
// or, to let signals be heard, after a while: then the same call goes on with it.
template <class Work>
class Pieces {
public:
    Pieces(std::int64_t* board, size_t pieces, Work work)
        : board_(reinterpret_cast<Board*>(board)), pieces_(pieces), work_(work) {}

    void run() {
        const double deadline = seconds_now() + patience;
        Relay<Pieces>(board_).run(*this, [=] { return seconds_now() > deadline; });
    }

    void work(size_t piece) { work_(piece); }
    size_t advance() { return board_->notes[0]++ ? 0 : pieces_; }

private:
    static constexpr double patience = 0.2;  // seconds

    Board* const board_;
    const size_t pieces_;
    Work work_;
};

// A job of one stage whose pieces lie in a few ranges. A worker takes those of a range from the first
// on, so that it meets what it left in its caches the last time, and what follows is what it asked
// for ahead. Then it goes on with a range that nobody has begun, and at last with what is left of
// others', from their ends. Ranges have counters of their own: one that a worker has to itself stays
// in its cache.
template <class Work>
class RangedPieces {
public:
    RangedPieces(std::int64_t* board, size_t pieces, Work work)
        : board_(reinterpret_cast<Board*>(board)), pieces_(pieces), work_(work) {}

    // Return when the job is done or, to let signals be heard, after a while: then the same call goes
    // on with it.
    void run() {
        own_ = static_cast<size_t>(add(board_->notes, 1)) % ranges;
        const double deadline = seconds_now() + patience;
        size_t piece = 0, done = 0;
        for (; seconds_now() < deadline && take(piece); ++done) work_(piece);
        finish(done);
        for (int idle = 0; !over() && seconds_now() < deadline;) wait_a_moment(idle++);
    }

private:
    static constexpr double patience = 0.2;  // seconds
    static constexpr size_t ranges = board_ranges;
    static constexpr std::int64_t forward = 1, backward = std::int64_t{1} << 32;
    static constexpr std::int64_t most = backward - 1;

    // What is added must be seen with all that was written before it.
    static std::int64_t add(std::int64_t* to, std::int64_t value) {
        return __atomic_fetch_add(to, value, __ATOMIC_ACQ_REL);
    }

    bool over() const { return __atomic_load_n(&board_->turn, __ATOMIC_ACQUIRE) == job_over; }

    void finish(size_t done) {
        const auto number = static_cast<std::int64_t>(done);
        if (add(&board_->done, number) + number == static_cast<std::int64_t>(pieces_))
            __atomic_store_n(&board_->turn, job_over, __ATOMIC_RELEASE);
    }

    // Take a piece, if there is one left.
    bool take(size_t& piece) {
        while (!taken(own_, forward, piece)) {
            const size_t fullest = fullest_range();
            const std::int64_t before = load(fullest);
            if (!left(fullest, before)) return false;
            if (!(before & most))
                own_ = fullest;
            else if (taken(fullest, backward, piece))
                break;
        }
        return true;
    }

    size_t begin(size_t range) const { return range * pieces_ / ranges; }

    // How many were taken from the begin of a range, and `backward` times those from its end.
    std::int64_t* counter(size_t range) const { return board_->ranges[range]; }
    std::int64_t load(size_t range) const {
        return __atomic_load_n(counter(range), __ATOMIC_RELAXED);
    }

    size_t left(size_t range, std::int64_t before) const {
        const std::int64_t gone = (before & most) + (before >> 32);
        return begin(range + 1) - begin(range) - static_cast<size_t>(gone);
    }

    size_t fullest_range() const {
        size_t fullest = 0;
        for (size_t range = 1; range < ranges; ++range)
            if (left(range, load(range)) > left(fullest, load(fullest))) fullest = range;
        return fullest;
    }

    // Take a piece from the begin or the end of a range, unless it is empty.
    bool taken(size_t range, std::int64_t direction, size_t& piece) {
        std::int64_t before = load(range);
        while (left(range, before)) {
            if (!__atomic_compare_exchange_n(counter(range), &before, before + direction, true,
                                             __ATOMIC_RELAXED, __ATOMIC_RELAXED))
                continue;
            piece = direction == forward ? begin(range) + static_cast<size_t>(before & most)
                                         : begin(range + 1) - 1 - static_cast<size_t>(before >> 32);
            return true;
        }
        return false;
    }

    Board* const board_;
    const size_t pieces_;
    Work work_;
    size_t own_ = 0;
};

// visit(i) for i < count, cut into pieces of `size`.
template <class Visit>
void share(std::int64_t* board, size_t count, size_t size, Visit visit) {
    Pieces(board, (count + size - 1) / size, [=, &visit](size_t piece) {
        for (size_t i = piece * size; i < smaller(count, (piece + 1) * size); ++i) visit(i);
    }).run();
}

}  // namespace cofactor::COFACTOR_ISA
