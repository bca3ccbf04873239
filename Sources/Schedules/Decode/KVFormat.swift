import HWModels
import Programs

/// How keys and values lie in the cache: bytes of an element, and what turns it into an operand of the products.
///
/// Warps load the stored bytes from shared memory and convert in registers, between the load and the product (as
/// FlashInfer does with 8-bit keys). Lane operations for each element that a warp converts:
/// - `fp8`: one conversion instruction for two; the scale is part of the softmax scale and of the output's.
/// - `int4`: eight elements in a word take four three-input logic operations and a shift, and a multiply-add for two,
///   with a scale and a zero point of 16 bit for each 128 elements of a row (Kim et al. 2022, "Who Says Elephants Can't Run",
///   section 3; FasterTransformer interleaved_numeric_conversion.h).
/// - `pq`: a code of 8 bit stands for four elements, one of 256 centroids of that part of the head dimension; the code is
///   extracted, its address made and 8 bytes read from shared memory (MILLION, Wang et al. 2025; PQCache, Zhang et
///   al. 2024). The codebooks of a head are in shared memory and come first.
///
/// In the interpreter the keys and values are the numbers that the format gives back.
enum KVFormat: String, CaseIterable, Sendable {
  case native = "16bit"
  case fp8, int4, pq

  static let parameter = Parameter(
    "kv-format",
    "keys and values in the cache: as computed with, or fp8, int4 (groups of 128), pq (a byte for 4 elements)",
    default: native)

  /// Elements of a row that share scale and zero point, and their bytes.
  private static let group = (elements: 128, bytes: 4)
  private static let centroids = 256
  private static let elementsOfCode = 4

  /// Bytes of `columns` elements of one row.
  func rowBytes(_ columns: Int) -> Double {
    switch self {
    case .native: Double(2 * columns)
    case .fp8: Double(columns)
    case .int4:
      Double(columns) / 2
        + Double((columns + Self.group.elements - 1) / Self.group.elements * Self.group.bytes)
    case .pq: Double((columns + Self.elementsOfCode - 1) / Self.elementsOfCode)
    }
  }

  /// Bytes of the codebooks of a head.
  func codebookBytes(_ columns: Int) -> Int {
    self == .pq ? Self.centroids * columns * 2 : 0
  }

  /// What makes operands of `elements` stored elements.
  func work(_ elements: Double) -> Work? {
    switch self {
    case .native: nil
    case .fp8: .of { $0.convert = elements }
    case .int4:
      .of {
        $0.alu = elements * 5 / 8
        $0.fma = elements / 2
      }
    case .pq:
      .of {
        let codes = elements / Double(Self.elementsOfCode)
        $0.alu = 2 * codes
        $0.otherInstructions = codes
        $0.sharedRead = 2 * elements
      }
    }
  }
}
