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

// Pieces in a few ranges. A worker takes those of a range from the first on, so that it meets what
// it left in its caches the last time, and what follows is what it asked for ahead. Then it goes on
// with a range that nobody has begun, and at last with what is left of others', from their ends.
class PieceRanges {
public:
    PieceRanges(std::int64_t* board, size_t pieces)
        : notes_(reinterpret_cast<Board*>(board)->notes + 1),
          pieces_(pieces),
          own_(static_cast<size_t>(__atomic_fetch_add(notes_ + ranges, 1, __ATOMIC_RELAXED)) %
               ranges) {}

    // Take a piece. There must be one left.
    size_t take() {
        size_t piece = pieces_;
        while (!taken(own_, forward, piece)) {
            const size_t fullest = fullest_range();
            if (!(load(fullest) & most))
                own_ = fullest;
            else if (taken(fullest, backward, piece))
                break;
        }
        return piece;
    }

private:
    static constexpr size_t ranges = 4;
    static constexpr std::int64_t forward = 1, backward = std::int64_t{1} << 32;
    static constexpr std::int64_t most = backward - 1;

    size_t begin(size_t range) const { return range * pieces_ / ranges; }

    // How many were taken from the begin of a range, and `backward` times those from its end.
    std::int64_t load(size_t range) const {
        return __atomic_load_n(notes_ + range, __ATOMIC_RELAXED);
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
            if (!__atomic_compare_exchange_n(notes_ + range, &before, before + direction, true,
                                             __ATOMIC_RELAXED, __ATOMIC_RELAXED))
                continue;
            piece = direction == forward ? begin(range) + static_cast<size_t>(before & most)
                                         : begin(range + 1) - 1 - static_cast<size_t>(before >> 32);
            return true;
        }
        return false;
    }

    std::int64_t* const notes_;  // what was taken of each range, and how many workers came
    const size_t pieces_;
    size_t own_;
};

// visit(i) for i < count, cut into pieces of `size`.
template <class Visit>
void share(std::int64_t* board, size_t count, size_t size, Visit visit) {
    Pieces(board, (count + size - 1) / size, [=, &visit](size_t piece) {
        for (size_t i = piece * size; i < smaller(count, (piece + 1) * size); ++i) visit(i);
    }).run();
}

}  // namespace cofactor::COFACTOR_ISA
