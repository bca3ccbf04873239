/// Inner loops of matrix arithmetic, which become vector code.
enum MatrixKernels {
  /// A matrix that lies in an array: entry (i, j) at `i * row + j * column`.
  struct Strided<Number> {
    var numbers: [Number]
    var row: Int
    var column = 1
  }

  /// `c[i][j] += sum over l < inner of a(i, l) * b(l, j)`, in sums of eight terms in fp32 and of four in double.
  ///
  /// - Parameter cStride: numbers from one row of `c` to the next; columns of `b` and `c` lie side by side.
  static func multiplyAdd<Number: BinaryFloatingPoint>(
    rows: Int, columns: Int, inner: Int, _ a: Strided<Number>, _ b: Strided<Number>, to c: inout [Number],
    cStride: Int
  ) {
    let (aRow, aColumn, bStride) = (a.row, a.column, b.row)
    let terms = Number.self == Float.self ? 8 : 4
    a.numbers.withUnsafeBufferPointer { a in
      b.numbers.withUnsafeBufferPointer { b in
        c.withUnsafeMutableBufferPointer { c in
          guard let a = a.baseAddress, let b = b.baseAddress, let c = c.baseAddress else { return }
          for i in 0..<rows {
            let (sums, factors) = (c + i * cStride, a + i * aRow)
            var l = 0
            while l + terms <= inner {
              let (s, b0) = (factors + l * aColumn, b + l * bStride)
              let (a0, a1, a2, a3) = (s[0], s[aColumn], s[2 * aColumn], s[3 * aColumn])
              let (b1, b2, b3) = (b0 + bStride, b0 + 2 * bStride, b0 + 3 * bStride)
              if terms == 4 {
                for j in 0..<columns {
                  sums[j] += (a0 * b0[j] + a1 * b1[j]) + (a2 * b2[j] + a3 * b3[j])
                }
              } else {
                let t = s + 4 * aColumn
                let (a4, a5, a6, a7) = (t[0], t[aColumn], t[2 * aColumn], t[3 * aColumn])
                let (b4, b5, b6, b7) = (b3 + bStride, b3 + 2 * bStride, b3 + 3 * bStride, b3 + 4 * bStride)
                for j in 0..<columns {
                  let low = (a0 * b0[j] + a1 * b1[j]) + (a2 * b2[j] + a3 * b3[j])
                  let high = (a4 * b4[j] + a5 * b5[j]) + (a6 * b6[j] + a7 * b7[j])
                  sums[j] += low + high
                }
              }
              l += terms
            }
            for l in l..<max(l, inner) {
              let (factor, row) = (factors[l * aColumn], b + l * bStride)
              for j in 0..<columns { sums[j] += factor * row[j] }
            }
          }
        }
      }
    }
  }

  /// `columns` rows of `rows` numbers each: entry (j, i) is that of `source` at `i * stride + j`.
  static func transposed<Number: BinaryFloatingPoint>(
    _ source: [Number], rows: Int, columns: Int, stride: Int
  ) -> [Number] {
    var result = [Number](repeating: 0, count: rows * columns)
    source.withUnsafeBufferPointer { source in
      result.withUnsafeMutableBufferPointer { result in
        for i in 0..<rows {
          for j in 0..<columns { result[j * rows + i] = source[i * stride + j] }
        }
      }
    }
    return result
  }
}
