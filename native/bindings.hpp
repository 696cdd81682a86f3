// What the bindings share.
//
// A binding checks that shapes agree, releases the interpreter and calls the kernel. Types and
// contiguity are checked by nanobind; nothing is converted or copied.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <initializer_list>
#include <string>

#include "kernels.hpp"
#include "team.hpp"

namespace nb = nanobind;

namespace cofactor {

template <class T>
using Array1 = nb::ndarray<T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
template <class T>
using Array2 = nb::ndarray<T, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

template <class T>
using Array3 = nb::ndarray<T, nb::ndim<3>, nb::c_contig, nb::device::cpu>;

// What threads share that call a kernel together: zeros at first.
using Board = Array1<std::int64_t>;

// Call a kernel, on the threads of the team that the board names, too.
template <class Kernel>
void with_helpers(const Board& board, Kernel kernel) {
    if (const std::int64_t helpers = board.data()[board_helpers])
        reinterpret_cast<Team*>(helpers)->share(kernel);
    else
        kernel();
}

template <class T>
Matrix<T> matrix(const Array2<T>& array) {
    return {array.data(), array.shape(0), array.shape(1)};
}

inline std::string shape_text(const size_t* shape, size_t size) {
    std::string text = "(";
    for (size_t i = 0; i < size; ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
    return text + (size == 1 ? ",)" : ")");
}

// Refuse an array of any other shape.
template <class Array>
void expect(const char* name, const Array& array, std::initializer_list<size_t> shape) {
    size_t got[3] = {};
    bool same = true;
    for (size_t i = 0; i < shape.size(); ++i) {
        got[i] = array.shape(i);
        same &= got[i] == shape.begin()[i];
    }
    if (same) return;
    const std::string message = std::string(name) + " has shape " +
                                shape_text(got, shape.size()) + ", expected " +
                                shape_text(shape.begin(), shape.size());
    throw nb::value_error(message.c_str());
}

// How many rows there are in CSR form, checked.
template <class I, class J>
size_t csr_rows(const Array1<const I>& indptr, const Array1<const J>& indices) {
    const size_t pointers = indptr.shape(0);
    if (pointers == 0) throw nb::value_error("indptr is empty, expected one more entry than rows");
    const I* const pointer = indptr.data();
    if (pointer[0] != 0) throw nb::value_error("indptr does not start at 0");
    expect("indices", indices, {static_cast<size_t>(pointer[pointers - 1])});
    return pointers - 1;
}

template <class T, class I>
Csr<T, I> csr(const Array1<const I>& indptr, const Array1<const I>& indices, const T* data) {
    const size_t rows = csr_rows(indptr, indices);
    return {indptr.data(), indices.data(), data, rows};
}

template <class T, class I>
Csr<T, I> csr(const Array1<const I>& indptr, const Array1<const I>& indices,
              const Array1<const T>& data) {
    expect("data", data, {indices.shape(0)});
    return csr(indptr, indices, data.data());
}

inline Membership membership(size_t rows, const Array2<const Label>& index,
                      const Array2<const double>& weight) {
    expect("index", index, {rows, index.shape(1)});
    expect("weight", weight, {rows, index.shape(1)});
    return {matrix(index), weight.data()};
}

// The places that the smallest losses of every row are written to.
inline Matrix<Label> places(size_t rows, size_t k, const Array2<Label>& index,
                     const Array2<double>& loss) {
    const size_t keep = index.shape(1);
    if (keep < 1 || keep > k) {
        const std::string message = "index has " + std::to_string(keep) +
                                    " columns, expected at least 1 and at most the " +
                                    std::to_string(k) + " components";
        throw nb::value_error(message.c_str());
    }
    expect("index", index, {rows, keep});
    expect("loss", loss, {rows, keep});
    return matrix(index);
}

// What the kernels of sparse rows take components in.
inline void expect_whole_groups(size_t components) {
    if (components % 16)
        throw nb::value_error("components are not padded to a multiple of 16");
}

// Newton steps of rows whose Hessians are kept in blocks of 16.
template <class T>
PoissonNewton<T> newton_of(size_t rows, size_t k, const Array3<T>& hessians, size_t sweeps,
                           double tolerance, double trust) {
    expect("hessians", hessians, {(rows + 15) / 16, k * (k + 1) / 2, 16});
    return {hessians.data(), sweeps, tolerance, trust};
}

// Codes of some rows; those to start from are written where those found will be, unless there is room
// for them.
template <class T>
PoissonCodes<T> poisson_codes(const Board& board, size_t rows, size_t k,
                              const Array2<const T>& start, const Array2<T>& begun,
                              const Array2<T>& codes, const Array1<double>& before,
                              const Array1<double>& loss) {
    expect("board", board, {board_size});
    expect("start", start, {rows, k});
    if (begun.size()) expect("begun", begun, {rows, k});
    expect("codes", codes, {rows, k});
    if (before.size()) expect("before", before, {rows});
    if (loss.size()) expect("loss", loss, {rows});
    return {start.data(), begun.size() ? begun.data() : codes.data(), codes.data(),
            before.size() ? before.data() : nullptr, loss.size() ? loss.data() : nullptr};
}

inline auto named(const char* name) { return nb::arg(name).noconvert(); }

using Unlocked = nb::call_guard<nb::gil_scoped_release>;

// Each family of kernels adds itself to a module; defined in the file bind_<family>.cpp.
void bind_rows(nb::module_& module, const Kernels& kernels);
void bind_lloyd(nb::module_& module, const Kernels& kernels);
void bind_descent(nb::module_& module, const Kernels& kernels);
void bind_line(nb::module_& module);
void bind_tables(nb::module_& module);
void bind_seeding(nb::module_& module, const Kernels& kernels);
void bind_sparse_rows(nb::module_& module, const Kernels& kernels);
void bind_poisson(nb::module_& module, const Kernels& kernels);
void bind_poisson_dense(nb::module_& module, const Kernels& kernels);
void bind_mixture(nb::module_& module, const Kernels& kernels);
void bind_hartigan(nb::module_& module, const Kernels& kernels);
void bind_neighbors(nb::module_& module, const Kernels& kernels);
void bind_neighbor_top(nb::module_& module, const Kernels& kernels);
void bind_location(nb::module_& module, const Kernels& kernels);

void bind_team(nb::module_& module);

}  // namespace cofactor
