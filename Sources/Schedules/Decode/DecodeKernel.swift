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

  func kernel(_ items: ItemSpace, policy: TilePolicy, on device: Device) throws(ScheduleError) -> Kernel {
    var builder = KernelBuilder(counting: DecodeItems.Steps.self, schedule: schedule, kernel: name)
    let type = shape.dataType
    let steps = TripCount.count(\DecodeItems.Steps.tiles)
    let any = TripCount.count(\DecodeItems.Steps.any)
    let q = builder.buffer("Q", .shared, rows: tile.rows, columns: tile.headDim, type: type)
    let k = builder.ring(
      "K", rows: tile.keyTile, columns: tile.headDim, type: type, slots: tile.slots, consumers: 1,
      mechanism: .completion)
    let v = builder.ring(
      "V", rows: tile.keyTile, columns: tile.headDimV, type: type, slots: tile.slots, consumers: 1,
      mechanism: .completion)
    let registers = ConsumerBuffers(
      builder: &builder, group: 0, rows: tile.rows, keyTile: tile.keyTile, headDimV: tile.headDimV,
      type: type,
      probabilitiesInRegisters: !tile.sharesRows, exponential: .fused)
    addCopies(&builder, k: k, v: v, steps: steps)
    let codebooks = codebooks(&builder)
    let all = builder.barrier("warps", .named)
    // Q, and P with the statistics of each warp where they cross warps.
    let scratch =
      tile.rows * tile.headDim * element
      + (tile.sharesRows ? tile.rows * tile.keyTile * element + tile.rows * tile.warps * 4 : 0)
    builder.actor(
      "warps", warps: tile.warps,
      blocks: [
        Block(trips: any, stepsPerTrip: 0, operations: registers.clear + codebooks + [loadQuery(q)]),
        Block(
          trips: steps, stepsPerTrip: 1, operations: step(registers, q: TileRef(q), k: k, v: v, all: all)),
        Block(
          trips: .count(\DecodeItems.Steps.direct), stepsPerTrip: 0,
          operations: epilogue(registers, isPartial: false)),
        Block(
          trips: .count(\DecodeItems.Steps.partial), stepsPerTrip: 0,
          operations: epilogue(registers, isPartial: true)),
      ])
    let rowBytes = format.rowBytes(tile.headDim) + format.rowBytes(tile.headDimV)
    let ringBytes =
      tile.slots * tile.keyTile * Int(rowBytes.rounded(.up)) + format.codebookBytes(tile.headDim)
      + format.codebookBytes(tile.headDimV)
    var kernel = try builder.build(
      items: items, policy: policy,
      footprint: Footprint(
        threads: threads, registersPerThread: tile.registersPerThread, sharedBytes: ringBytes + scratch),
      on: device)
    kernel.sharedStream = .keysAndValues(
      of: shape, bytesPerKey: format.rowBytes(shape.headDim) + format.rowBytes(shape.headDimV))
    return kernel
  }

  /// The centroids of a head, before its first key.
  private func codebooks(_ builder: inout KernelBuilder<some StepCounts>) -> [Operation] {
    let bytes = Double(format.codebookBytes(shape.headDim) + format.codebookBytes(shape.headDimV))
    guard bytes > 0 else { return [] }
    let table = TileRef(builder.buffer("codebooks", .shared, rows: 1, columns: 1, type: .fp32))
    return [
      Operation(
        "load codebooks", .loadStore,
        work: .of {
          $0.globalRead = bytes
          $0.sharedWrite = bytes
          $0.otherInstructions = bytes / 16
        }, chain: Chain(alu: 4), action: .fill(table, 0))
    ]
  }

  /// Turns what a product reads of the cache into its operand: each warp what it reads itself.
  private func dequantise(_ name: String, columns: Int) -> [Operation] {
    let elements = Double(tile.keyTile * columns) * (tile.sharesRows ? 1 : Double(tile.warps))
    guard let work = format.work(elements) else { return [] }
    return [Operation(name, .vector, work: work).interleaved]
  }

  /// Copies run beside the warps that issue them; the instructions they cost are part of a step.
  private func addCopies(
    _ builder: inout KernelBuilder<some StepCounts>, k: Ring, v: Ring, steps: TripCount
  ) {
    let entries = pages?.load(tile, slotEmpty: k.empty, &builder)
    func copy(_ name: String, _ ring: Ring, _ tensor: Tensor, columns: Int, used: Int)
      -> Operation
    {
      Operation(
        name, .loadAsync,
        work: .of {
          // Columns beyond the head dimension and rows past the end are predicated off.
          $0.globalRead = Double(min(tile.keyTile, shape.seqKV)) * format.rowBytes(used)
          $0.sharedWrite = Double(tile.keyTile) * format.rowBytes(columns)
        }, waits: entries?.waits == [ring.empty] ? [] : [ring.empty], signals: [ring.full],
        action: .load(
          tensor, TileCoordinate(rows: tile.keyTile, index: .walk(offset: 0)),
          into: TileRef(ring.buffer, .step(offset: 0))))
    }
    builder.actor(
      "copies", warps: tile.warps,
      blocks: [
        Block(
          trips: steps, stepsPerTrip: 1,
          operations: (entries.map { [$0] } ?? []) + [
            copy("load K", k, .k, columns: tile.headDim, used: shape.headDim),
            copy("load V", v, .v, columns: tile.headDimV, used: shape.headDimV),
          ])
      ])
  }

  private func loadQuery(_ q: BufferID) -> Operation {
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
        .q, TileCoordinate(rows: tile.rows, index: .item(scale: 1, offset: 0)), into: TileRef(q)))
  }

  private func step(
    _ registers: ConsumerBuffers, q: TileRef, k: Ring, v: Ring, all: BarrierID
  ) -> [Operation] {
    let softmax = registers.softmax
    /// All warps meet: what they wrote to shared memory is there.
    func meet(_ times: Int) -> [Operation] {
      (0..<times).flatMap { _ in
        [Operation("arrive", .sync, signals: [all]), Operation("meet", .sync, waits: [all])]
      }
    }
    // Each row's number of every warp, through shared memory: written, met, read and reduced by lanes, written, met, read.
    func exchange(_ name: String) -> [Operation] {
      guard tile.sharesRows else { return [] }
      let bytes = Double(tile.rows * tile.warps * 4)
      return meet(1) + [
        Operation(
          name, .vector,
          work: .of {
            $0.sharedWrite = 2 * bytes
            $0.sharedRead = 2 * bytes
            $0.shuffle = 2 * Double(threads)
            $0.otherInstructions = 6 * Double(threads)
          }, chain: Chain(alu: 2, shuffle: 2, shared: 2))
      ] + meet(2)
    }
    var operations = [Operation("wait for K", .sync, waits: [k.full])]
    let waitForValues = [Operation("wait for V", .sync, waits: [v.full])]
    if !tile.alternatesCopies { operations += waitForValues }
    operations += meet(1)
    operations += dequantise("K to 16 bit", columns: tile.headDim)
    operations.append(product(.scores, registers, q: q, ring: k))
    operations.append(
      softmax.mask(
        keyTile: TileCoordinate(rows: tile.keyTile, index: .walk(offset: 0)),
        queryTile: TileCoordinate(rows: tile.rows, index: .item(scale: 1, offset: 0))))
    operations += exchange("maxima between warps")
    operations += [softmax.updateMaximum(), softmax.exponentiate()]
    operations += exchange("sums between warps")
    operations.append(softmax.updateSum())
    operations.append(registers.convert)
    if tile.sharesRows { operations += meet(2) }
    operations.append(softmax.rescaleOutput())
    if tile.alternatesCopies {
      operations += meet(1) + [Operation("release K", .sync, signals: [k.empty])] + waitForValues + meet(1)
    }
    operations += dequantise("V to 16 bit", columns: tile.headDimV)
    operations.append(product(.output, registers, q: q, ring: v))
    if tile.alternatesCopies { operations += meet(1) }
    operations.append(
      Operation("release", .sync, signals: tile.alternatesCopies ? [v.empty] : [k.empty, v.empty]))
    operations.append(issueCopies)
    return operations
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

  private enum Product { case scores, output }

  /// One product by mma.sync with operands through `ldmatrix`.
  ///
  /// Warps that share rows have columns of their own: each reads all rows of the left operand and its own share of the
  /// right one. Warps with rows of their own read those and the whole right operand.
  private func product(
    _ product: Product, _ registers: ConsumerBuffers, q: TileRef, ring: Ring
  ) -> Operation {
    let isScores = product == .scores
    let (columns, depth) = isScores ? (tile.keyTile, tile.headDim) : (tile.headDimV, tile.keyTile)
    let flops = 2 * Double(tile.rows * columns * depth)
    let right =
      Double(tile.keyTile) * format.rowBytes(isScores ? tile.headDim : tile.headDimV)
      * (tile.sharesRows ? 1 : Double(tile.warps))
    let leftBytes = Double(tile.rows * depth * element)
    let left = tile.sharesRows ? leftBytes * Double(tile.warps) : isScores ? leftBytes : 0
    let work = Work.of {
      $0.matrixFlops = flops
      $0.matrixInstructions = flops / 4096 / Double(tile.warps)
      $0.sharedRead = right + left
      $0.otherInstructions = 32 * (right + left) / 512
    }
    let source = TileRef(ring.buffer, .step(offset: 0))
    return Operation(
      isScores ? "S = Q K^T" : "O += P V", .tensorSync, work: work,
      chain: Chain(shared: 1, matrix: depth / 16),
      action: isScores
        ? .matmul(
          into: registers.scores, a: q, b: source, transposeA: false, transposeB: true, accumulate: false)
        : .matmul(
          into: registers.output, a: registers.probabilities, b: source, transposeA: false, transposeB: false,
          accumulate: true))
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
