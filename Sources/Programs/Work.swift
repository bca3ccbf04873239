/// Work, counted and never timed: what an operation asks of a core, summed over its actor's lanes.
///
/// Vector counts are in elements (lane operations); bytes are payload bytes. The device turns them into cycles.
public struct Work: Sendable, Hashable {
  /// Matrix flops (2 per multiply-add), padding of instruction shapes included.
  public var matrixFlops = 0.0
  /// Warp-wide matrix instructions that one warp issues for it.
  public var matrixInstructions = 0.0
  public var exp = 0.0
  /// Fused multiply-adds, multiplies and adds: one pipe.
  public var fma = 0.0
  /// Maxima of a reduction, each depending on one before.
  public var max = 0.0
  /// Compares, selects, integer logic.
  public var alu = 0.0
  /// Elements converted to a narrower type.
  public var convert = 0.0
  public var shuffle = 0.0
  /// Lane operations that only cost an issue slot: loads, address arithmetic on the uniform path, branches.
  public var otherInstructions = 0.0
  public var sharedRead = 0.0
  public var sharedWrite = 0.0
  /// Bytes read through the shared cache that other work items read too (keys and values).
  public var globalRead = 0.0
  /// Bytes read that no other work item reads (queries): they always come from device memory.
  public var streamRead = 0.0
  /// Bytes of tables read before what they point to (entries of pages, lengths, counts): a few lines that memory serves
  /// between the lines of larger transfers, so that they do not wait for these.
  public var tableRead = 0.0
  public var globalWrite = 0.0
  public var tensorMemoryRead = 0.0
  public var tensorMemoryWrite = 0.0
  /// fp32 additions in the shared cache, by copy engine or warps.
  public var atomics = 0.0
  /// Bytes of one of them.
  public static let additionBytes = 4.0

  /// Bytes read from the shared cache and beyond.
  public var bytesRead: Double { globalRead + streamRead + tableRead }

  public init() {}

  /// `Work` with the given counts set: `.of { $0.exp = 64 }`.
  public static func of(_ fill: (inout Work) -> Void) -> Work {
    var work = Work()
    fill(&work)
    return work
  }

  @inlinable public static func += (a: inout Work, b: Work) { a.add(b, times: 1) }

  /// Adds `b` `times` over.
  public mutating func add(_ b: Work, times n: Double) {
    matrixFlops += b.matrixFlops * n
    matrixInstructions += b.matrixInstructions * n
    exp += b.exp * n
    fma += b.fma * n
    max += b.max * n
    alu += b.alu * n
    convert += b.convert * n
    shuffle += b.shuffle * n
    otherInstructions += b.otherInstructions * n
    sharedRead += b.sharedRead * n
    sharedWrite += b.sharedWrite * n
    globalRead += b.globalRead * n
    streamRead += b.streamRead * n
    tableRead += b.tableRead * n
    globalWrite += b.globalWrite * n
    tensorMemoryRead += b.tensorMemoryRead * n
    tensorMemoryWrite += b.tensorMemoryWrite * n
    atomics += b.atomics * n
  }

  /// The counts by name, for reports, in a fixed order.
  public var named: [(name: String, value: Double)] {
    [
      ("matrix_flops", matrixFlops), ("matrix_instructions", matrixInstructions), ("exp", exp), ("fma", fma),
      ("max", max), ("alu", alu), ("convert", convert),
      ("shuffle", shuffle), ("other_instructions", otherInstructions), ("shared_read_bytes", sharedRead),
      ("shared_write_bytes", sharedWrite), ("global_read_bytes", globalRead),
      ("stream_read_bytes", streamRead), ("table_read_bytes", tableRead), ("global_write_bytes", globalWrite),
      ("tensor_memory_read_bytes", tensorMemoryRead),
      ("tensor_memory_write_bytes", tensorMemoryWrite), ("atomics", atomics),
    ]
  }
}
