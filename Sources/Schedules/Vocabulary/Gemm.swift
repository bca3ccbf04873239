import Programs

/// A product of tiles, `C = A B` or `C += A B`: how its instructions take their operands, and what they count.
///
/// Made by `asynchronous` or `synchronous`; `operation` says on which tiles.
struct Gemm {
  let unit: Operation.Unit
  var work: Work
  /// Waits inside it, in synchronous products that nothing overlaps.
  var chain = Chain()

  /// Depth of one instruction, of every kind.
  static let instructionDepth = 16
  /// Bytes of an operand's element.
  private static let element = 2

  /// A warpgroup's product that runs beside its warps (wgmma): instructions of 64 rows, 16 of the depth and all columns. Each
  /// reads its rows of A, unless they lie in registers, and all of B from shared memory.
  ///
  /// - Parameters:
  ///   - registerDepth: columns of A that come from registers. With all of them, an instruction issues only when the matrix
  ///     unit is near.
  ///   - swapped: `C^T = B^T A^T` is computed, whose rows are the columns of C.
  static func asynchronous(
    rows: Int, columns: Int, depth: Int, registerDepth: Int = 0, swapped: Bool = false
  ) -> Gemm {
    let (m, n) = swapped ? (columns, rows) : (rows, columns)
    let blocks = (m + 63) / 64
    return Gemm(
      unit: registerDepth == depth ? .tensorAsyncRegisters : .tensorAsync,
      work: .of {
        $0.matrixFlops = 2 * Double(blocks * 64 * n * depth)
        $0.matrixInstructions = Double(blocks * (depth / instructionDepth))
        $0.sharedRead = Double(blocks * (64 * (depth - registerDepth) + n * depth) * element)
      })
  }

  /// A product that blocks its warps (mma.sync m16n8k16), `down` of them over the rows and `across` over the columns. A warp
  /// loads its rows of A and its columns of B by ldmatrix, 512 bytes an instruction: A is read `across` times, B `down` times.
  ///
  /// - Parameters:
  ///   - leftBytes: A in shared memory; 0 where it lies in registers, nil for elements of 16 bit.
  ///   - rightBytes: the same for B.
  static func synchronous(
    rows: Int, columns: Int, depth: Int, down: Int, across: Int, leftBytes: Double? = nil,
    rightBytes: Double? = nil
  ) -> Gemm {
    let flops = 2 * Double(rows * columns * depth)
    let left = (leftBytes ?? Double(rows * depth * element)) * Double(across)
    let right = (rightBytes ?? Double(columns * depth * element)) * Double(down)
    return Gemm(
      unit: .tensorSync,
      work: .of {
        $0.matrixFlops = flops
        $0.matrixInstructions = flops / 4096 / Double(down * across)
        $0.sharedRead = right + left
        $0.otherInstructions = 32 * (right + left) / 512
      })
  }

  /// Operands that are read across their rows.
  enum Transposed { case neither, a, b }

  /// The product of `a` and `b` into `c`.
  func operation(
    _ name: String, _ a: TileRef, _ b: TileRef, into c: TileRef, transposed: Transposed = .neither,
    accumulate: Bool, waits: [BarrierID] = [], signals: [BarrierID] = []
  ) -> Operation {
    Operation(
      name, unit, work: work, chain: chain, waits: waits, signals: signals,
      action: .matmul(
        into: c, a: a, b: b, transposeA: transposed == .a, transposeB: transposed == .b,
        accumulate: accumulate))
  }
}
