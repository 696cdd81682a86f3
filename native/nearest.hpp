// The nearest component of every row of an array, found by any number of threads.
#pragma once

#include "narrow.hpp"
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

// The norms of a vector of rows, from their panel.
COFACTOR_INLINE Vec<float> panel_norms(const float* panel, size_t d, size_t v) {
    Vec<float> squares{}, norm;
    for (size_t l = 0; l < d; ++l) {
        const Vec<float> x = load(panel + l * tile_rows<float> + v * lanes<float>);
        squares += x * x;
    }
    for (size_t i = 0; i < lanes<float>; ++i) norm[i] = __builtin_sqrtf(squares[i]);
    return norm;
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
          rounded_(components, offsets, rounding_.scale),
          exact_(wide ? components : Matrix<const T>{components.data, 0, X.columns}, offsets),
          search_(X, shift, tiles(), X.rows),
          piece_rows_(round_up(brief / (components.rows * X.columns + 1) + 1,
                               search_.rows_at_once())),
          labels_(labels),
          astray_(astray) {}

    void work(size_t piece) {
        const size_t begin = piece * piece_rows_, end = smaller(begin + piece_rows_, rows_);
        const auto norms = [this](size_t, const float* panel, size_t v) {
            return panel_norms(panel, columns_, v);
        };
        const auto found = [this](size_t row, size_t count, const Int<float>* component) {
            write_labels(component, count, labels_ + row);
        };
        const size_t astray =
            search_.run(begin, end, rounding_.scale, rounding_.doubt, norms, found);
        __atomic_add_fetch(astray_, static_cast<std::int64_t>(astray), __ATOMIC_RELAXED);
    }

    size_t advance() {
        return board_->notes[0]++ ? 0 : (rows_ + piece_rows_ - 1) / piece_rows_;
    }

private:
    static constexpr bool wide = sizeof(T) > sizeof(float);
    static constexpr size_t brief = 1 << 21;  // products, a small part of a millisecond

    SearchTiles<T> tiles() const {
        if constexpr (wide)
            return {rounded_.tiles(), exact_.tiles()};
        else
            return {rounded_.tiles(), rounded_.tiles()};
    }

    Board* const board_;
    const size_t rows_, columns_;
    const Rounding<T> rounding_;
    const PackedComponents<float> rounded_;
    const PackedComponents<T> exact_;
    NearestSearch<T> search_;
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
}

}  // namespace cofactor::COFACTOR_ISA
