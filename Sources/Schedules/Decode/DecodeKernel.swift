import Attention
import HWModels
import Programs

/// The main kernel of a decode schedule with synchronous matrix instructions: a part of the keys for one query tile.
///
/// Expected per step of 64 keys at head dimension 128, 16 rows, four warps that split the keys (H100), in cycles: device
/// memory, 32 KiB: 300 for one core alone, about 2500 where 132 cores share it. Shared memory: 32 KiB written, 48 KiB
/// read = 640. Issue: about 400 instructions a warp. A core alone waits for none of these but for the chain of one step:
/// nine barriers 9 x 32 = 290; eight dependent products behind their operands 29 + 9 x 25 = 250; mask and maximum 100;
/// two exchanges of statistics between warps at 2 x 24 + 2 x 29 = 105 each; exponentials and sums 60; P through
/// shared memory 60; four dependent products 150; rescale 10; 120 instructions of copies, addresses and loop among the products 140: about
/// 1250. Measured: 0.80 us, 1480 at 1845 MHz.
struct DecodeKernel {
  let schedule: String
  let name: String
  let shape: AttentionShape
  let tile: DecodeTile
  var format = KVFormat.native
  /// How keys lie in pages; nil where they lie in a row.
  var pages: DecodePages?
  /// Parts that kernels before have written.
  var firstSplit = 0

  private let element = 2
  private var threads: Int { 32 * tile.warps }

  /// Buffers and barriers that copies and warps use.
  private struct Shared {
    let q: TileRef
    let k: Ring
    let v: Ring
    /// All warps meet.
    let all: BarrierID
  }

  func kernel(_ items: ItemSpace, policy: TilePolicy, on device: Device) throws(ScheduleError) -> Kernel {
    var builder = KernelBuilder(counting: DecodeItems.Steps.self, schedule: schedule, kernel: name)
    func ring(_ name: String, columns: Int) -> Ring {
      builder.ring(
        name, rows: tile.keyTile, columns: columns, type: shape.dataType, slots: tile.slots, consumers: 1,
        mechanism: .completion)
    }
    let q = TileRef(
      builder.buffer("Q", .shared, rows: tile.rows, columns: tile.headDim, type: shape.dataType))
    let (k, v) = (ring("K", columns: tile.headDim), ring("V", columns: tile.headDimV))
    let registers = ConsumerBuffers(
      builder: &builder, group: 0, rows: tile.rows, keyTile: tile.keyTile, headDimV: tile.headDimV,
      type: shape.dataType, probabilitiesInRegisters: !tile.sharesRows, exponential: .fused)
    let entries = pages?.load(tile, slotEmpty: k.empty, &builder)
    builder.actor("copies", warps: tile.warps) { actor in
      actor.each(\.tiles) {
        entries
        copy(.k, k, columns: tile.headDim, used: shape.headDim, waits: entries?.waits != [k.empty])
        copy(.v, v, columns: tile.headDimV, used: shape.headDimV)
      }
    }
    let codebooks = codebooks(&builder)
    let shared = Shared(q: q, k: k, v: v, all: builder.barrier("warps", .named))
    builder.actor("warps", warps: tile.warps) { actor in
      actor.when(\.any) {
        registers.clear
        codebooks
        loadQuery(q)
      }
      actor.each(\.tiles) { step(shared, registers) }
      actor.when(\.direct) { epilogue(registers, isPartial: false) }
      actor.when(\.partial) { epilogue(registers, isPartial: true) }
    }
    var kernel = try builder.build(
      items: items, policy: policy,
      footprint: Footprint(
        threads: threads, registersPerThread: tile.registersPerThread, sharedBytes: sharedBytes),
      on: device)
    kernel.sharedStream = .keysAndValues(
      of: shape, bytesPerKey: format.rowBytes(shape.headDim) + format.rowBytes(shape.headDimV))
    return kernel
  }

  /// The rings, codebooks, Q, and P with the statistics of each warp where they cross warps.
  private var sharedBytes: Int {
    let rowBytes = format.rowBytes(tile.headDim) + format.rowBytes(tile.headDimV)
    let crossing = tile.keyTile * element + tile.warps * 4
    return tile.slots * tile.keyTile * Int(rowBytes.rounded(.up)) + format.codebookBytes(tile.headDim)
      + format.codebookBytes(tile.headDimV) + tile.rows * tile.headDim * element
      + (tile.sharesRows ? tile.rows * crossing : 0)
  }

  /// The centroids of a head, before its first key.
  private func codebooks(_ builder: inout KernelBuilder<DecodeItems.Steps>) -> Operation? {
    let bytes = Double(format.codebookBytes(shape.headDim) + format.codebookBytes(shape.headDimV))
    guard bytes > 0 else { return nil }
    let table = TileRef(builder.buffer("codebooks", .shared, rows: 1, columns: 1, type: .fp32))
    return Operation(
      "load codebooks", .loadStore,
      work: .of {
        $0.globalRead = bytes
        $0.sharedWrite = bytes
        $0.otherInstructions = bytes / 16
      }, chain: Chain(alu: 4), action: .fill(table, 0))
  }

  /// Turns what a product reads of the cache into its operand: each warp what it reads itself.
  private func dequantise(_ name: String, columns: Int) -> Operation? {
    let elements = Double(tile.keyTile * columns) * (tile.sharesRows ? 1 : Double(tile.warps))
    return format.work(elements).map { Operation(name, .vector, work: $0).interleaved }
  }

  /// Copies run beside the warps that issue them; the instructions they cost are part of a step. Columns beyond the head
  /// dimension and rows past the end are predicated off.
  private func copy(_ tensor: Tensor, _ ring: Ring, columns: Int, used: Int, waits: Bool = true) -> Operation
  {
    Operation(
      "load \(tensor.rawValue.uppercased())", .loadAsync,
      work: .of {
        $0.globalRead = Double(min(tile.keyTile, shape.seqKV)) * format.rowBytes(used)
        $0.sharedWrite = Double(tile.keyTile) * format.rowBytes(columns)
      }, waits: waits ? [ring.empty] : [], signals: [ring.full],
      action: .load(
        tensor, TileCoordinate(rows: tile.keyTile, index: .walk(offset: 0)),
        into: TileRef(ring.buffer, .step(offset: 0))))
  }

  private func loadQuery(_ q: TileRef) -> Operation {
    let used = min(tile.rows, shape.seqQ * shape.group)
    return Operation(
      "load Q", .loadStore,
      work: .of {
        $0.streamRead = Double(used * shape.headDim * element)
        $0.fma = Double(tile.rows * tile.headDim)
        $0.convert = Double(tile.rows * tile.headDim)
        $0.otherInstructions = Double(tile.rows * tile.headDim) / 4
      }, chain: Chain(alu: 4, shared: 2),
      action: .load(
        .q, TileCoordinate(rows: tile.rows, index: .item(scale: 1, offset: 0)), into: q))
  }

  /// A tile of keys and its values.
  @OperationList private func step(_ s: Shared, _ registers: ConsumerBuffers) -> [Operation] {
    let softmax = registers.softmax
    wait("wait for K", s.k.full)
    if !tile.alternatesCopies { wait("wait for V", s.v.full) }
    meet(s)
    dequantise("K to 16 bit", columns: tile.headDim)
    product(columns: tile.keyTile, depth: tile.headDim, rightColumns: tile.headDim).operation(
      "S = Q K^T", s.q, TileRef(s.k.buffer, .step(offset: 0)), into: registers.scores, transposed: .b,
      accumulate: false)
    softmax.mask(
      keyTile: TileCoordinate(rows: tile.keyTile, index: .walk(offset: 0)),
      queryTile: TileCoordinate(rows: tile.rows, index: .item(scale: 1, offset: 0)))
    if tile.sharesRows { exchange("maxima between warps", s) }
    softmax.updateMaximum()
    softmax.exponentiate()
    if tile.sharesRows { exchange("sums between warps", s) }
    softmax.updateSum()
    registers.convert
    if tile.sharesRows { meet(s, times: 2) }
    softmax.rescaleOutput()
    if tile.alternatesCopies {
      meet(s)
      Operation("release K", .sync, signals: [s.k.empty])
      wait("wait for V", s.v.full)
      meet(s)
    }
    dequantise("V to 16 bit", columns: tile.headDimV)
    product(
      columns: tile.headDimV, depth: tile.keyTile, rightColumns: tile.headDimV,
      leftBytes: tile.sharesRows ? nil : 0
    ).operation(
      "O += P V", registers.probabilities, TileRef(s.v.buffer, .step(offset: 0)), into: registers.output,
      accumulate: true)
    if tile.alternatesCopies { meet(s) }
    Operation("release", .sync, signals: tile.alternatesCopies ? [s.v.empty] : [s.k.empty, s.v.empty])
    issueCopies
  }

  private func wait(_ name: String, _ barrier: BarrierID) -> Operation {
    Operation(name, .sync, waits: [barrier])
  }

  /// All warps meet: what they wrote to shared memory is there.
  @OperationList private func meet(_ s: Shared, times: Int = 1) -> [Operation] {
    for _ in 0..<times {
      Operation("arrive", .sync, signals: [s.all])
      Operation("meet", .sync, waits: [s.all])
    }
  }

  /// Each row's number of every warp, through shared memory: written, met, read and reduced by lanes, written, met, read.
  @OperationList private func exchange(_ name: String, _ s: Shared) -> [Operation] {
    let bytes = Double(tile.rows * tile.warps * 4)
    meet(s)
    Operation(
      name, .vector,
      work: .of {
        $0.sharedWrite = 2 * bytes
        $0.sharedRead = 2 * bytes
        $0.shuffle = 2 * Double(threads)
        $0.otherInstructions = 6 * Double(threads)
      }, chain: Chain(alu: 2, shuffle: 2, shared: 2))
    meet(s, times: 2)
  }

  /// The instructions that the copies of a step and the loop cost, counted in the compiled loop of the Triton kernel: 16
  /// copies of 16 bytes a lane with 48 address additions and moves, 16 predicates; 30 others and 9 compares, spread among
  /// the products.
  private var issueCopies: Operation {
    let copies =
      Double(tile.keyTile) * (format.rowBytes(tile.headDim) + format.rowBytes(tile.headDimV)) / 16
    return Operation(
      "issue copies", .vector,
      work: .of {
        $0.alu = copies + 9 * Double(threads)
        $0.otherInstructions = 4 * copies + 30 * Double(threads)
        if let pages { $0 += pages.addresses(tile, copies: copies) }
      }
    ).interleaved
  }

  /// Warps that share rows have columns of their own; others have rows of their own.
  private func product(columns: Int, depth: Int, rightColumns: Int, leftBytes: Double? = nil) -> Gemm {
    var gemm = Gemm.synchronous(
      rows: tile.rows, columns: columns, depth: depth, down: tile.sharesRows ? 1 : tile.warps,
      across: tile.sharesRows ? tile.warps : 1, leftBytes: leftBytes,
      rightBytes: Double(tile.keyTile) * format.rowBytes(rightColumns))
    gemm.chain = Chain(shared: 1, matrix: depth / Gemm.instructionDepth)
    return gemm
  }

  /// Normalises and writes, as a partial result in fp32 or as the output.
  private func epilogue(_ registers: ConsumerBuffers, isPartial: Bool) -> [Operation] {
    let rows = isPartial ? tile.rows : min(tile.rows, shape.seqQ * shape.group)
    let bytes = Double(rows * shape.headDimV * (isPartial ? 4 : element))
    let coordinate = TileCoordinate(
      rows: tile.rows, index: .item(scale: 1, offset: 0), split: firstSplit > 0 ? .after(firstSplit) : .item)
    return [
      registers.softmax.normalise(logSumExp: registers.logSumExp),
      Operation(
        isPartial ? "store partial O" : "store O", .loadStore,
        work: .of {
          $0.convert = isPartial ? 0 : Double(tile.rows * tile.headDimV)
          $0.globalWrite = bytes
          $0.otherInstructions = bytes / 16
        }, action: .store(registers.output, isPartial ? .partialO : .o, coordinate)),
      Operation(
        isPartial ? "store partial log-sum-exp" : "store log-sum-exp", .loadStore,
        work: .of { $0.globalWrite = Double(rows * 4) },
        action: .store(registers.logSumExp, isPartial ? .partialLogSumExp : .logSumExp, coordinate)),
    ]
  }
}
