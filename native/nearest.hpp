// The nearest component of every row of an array, found by any number of threads.
#pragma once

#include "nearest_words.hpp"
#include "relay.hpp"

namespace cofactor::COFACTOR_ISA {

// Write the labels of the first rows of a panel.
COFACTOR_INLINE void write_labels(const Int<float>* component, size_t count, Label* labels) {
    static_assert(sizeof(Lane<float>) == sizeof(Label));
    if (count == tile_rows<float>)
        __builtin_memcpy(labels, component, tile_rows<float> * sizeof *labels);
    else
        __builtin_memcpy(labels, component, count * sizeof *labels);
}

template <class T>
class NearestJob {
public:
    NearestJob(Board* board, Matrix<const T> X, const T* shift, Matrix<const T> components,
               const T* offsets, Label* labels, std::int64_t* astray)
        : board_(board),
          rows_(X.rows),
          columns_(X.columns),
          rounding_(components, offsets),
          in_words_(words_pay(X.rows, components) &&
                    WordComponents::suit(components.rows, offsets, rounding_)),
          exact_(components, offsets),
          rounded_(wide && !in_words_ ? components : none(X.columns), offsets,
                   static_cast<T>(rounding_.scale)),
          words_(in_words_ ? components : none(X.columns), offsets, rounding_),
          search_(X, shift, tiles(), X.rows),
          word_search_(X, shift, words_, exact_.tiles(), rounding_),
          piece_rows_(round_up(brief / (components.rows * X.columns + 1) + 1, rows_at_once())),
          labels_(labels),
          astray_(astray) {}

    void work(size_t piece) {
        const size_t begin = piece * piece_rows_, end = smaller(begin + piece_rows_, rows_);
        if (in_words_)
            word_search_.run(begin, end, writer());
        else
            report_astray(search_.run(begin, end, rounding_.scale, rounding_.doubt, norms(),
                                      writer()));
    }

    size_t advance() {
        return board_->notes[0]++ ? 0 : (rows_ + piece_rows_ - 1) / piece_rows_;
    }

    // Settle what this thread left in doubt.
    void finish() {
        if (in_words_) report_astray(word_search_.finish(writer()));
    }

private:
    static constexpr bool wide = sizeof(T) > sizeof(float);
    static constexpr size_t brief = 1 << 21;  // products, a small part of a millisecond

    // Rounding a row costs about as much as comparing it with a few dozen components.
    static bool words_pay(size_t rows, Matrix<const T> components) {
        constexpr size_t least_rows = 1024, least_components = 24, least = 20, most = 4096;
        return rows >= least_rows && components.rows >= least_components &&
               components.columns >= least && components.columns <= most;
    }

    static Matrix<const T> none(size_t columns) { return {nullptr, 0, columns}; }

    SearchTiles<T> tiles() const {
        if constexpr (wide)
            return {rounded_.tiles(), exact_.tiles()};
        else
            return {exact_.tiles(), exact_.tiles()};
    }

    size_t rows_at_once() const {
        return in_words_ ? word_search_.rows_at_once() : search_.rows_at_once();
    }

    auto norms() const {
        return [this](size_t, const float* panel, size_t v) {
            return roots(panel_squares(panel, columns_, v));
        };
    }

    auto writer() const {
        return [this](size_t row, size_t count, const Int<float>* component) {
            write_labels(component, count, labels_ + row);
        };
    }

    void report_astray(size_t rows) const {
        __atomic_add_fetch(astray_, static_cast<std::int64_t>(rows), __ATOMIC_RELAXED);
    }

    Board* const board_;
    const size_t rows_, columns_;
    const Rounding<T> rounding_;
    const bool in_words_;
    const PackedComponents<T> exact_;
    const PackedComponents<float> rounded_;
    const WordComponents words_;
    NearestSearch<T> search_;
    WordNearest<T> word_search_;
    const size_t piece_rows_;
    Label* const labels_;
    std::int64_t* const astray_;
};

template <class T>
void nearest(std::int64_t* board, Matrix<const T> X, const T* shift, Matrix<const T> components,
             const T* offsets, Label* labels, std::int64_t* astray) {
    Board* const shared = reinterpret_cast<Board*>(board);
    NearestJob<T> job(shared, X, shift, components, offsets, labels, astray);
    Relay<NearestJob<T>>(shared).run(job);
    job.finish();
}

}  // namespace cofactor::COFACTOR_ISA
