import Attention
import HWModels
import Programs

/// The passes of which a selection is made.
extension SelectionPhases {
  /// Means over `window` rows every `stride`: one item for each mean of a whole block, or for 16 overlapping ones.
  func pool(
    _ tensor: Tensor, window: Int? = nil, stride: Int? = nil, on device: Device
  ) throws(ScheduleError) -> Kernel {
    let isQuery = tensor == .q
    let columns = Double(tensor == .v ? shape.headDimV : shape.headDim)
    let length = isQuery ? shape.seqQ : shape.seqKV
    let rows = stride.map { $0 * 16 } ?? (isQuery ? queryBlock : keyBlock)
    let means = stride == nil ? 1.0 : 16
    let overlap = Double(window ?? rows) / Double(stride ?? rows)
    let used = Double(min(rows, length))
    return try stream(
      "\(stride == nil ? "pool" : "compress")_\(tensor.rawValue)",
      items: (isQuery ? queryHeads : keyHeads) * ((length + rows - 1) / rows),
      read: used * columns * element, written: means * columns * element,
      work: .of {
        $0.fma = used * columns * overlap
        $0.convert = used * columns + means * columns
        $0.shuffle = Double(threads) * 5
      }, chain: Chain(alu: 8, shuffle: 5, shared: 2), on: device)
  }

  /// Products of rows with columns by matrix instructions: a grid of tiles of 128 x 128 whose scores are written, or, where
  /// they are reduced over columns at once, 128 rows an item and 128 columns a step.
  func pairScores(
    _ name: String, rows: Int, columns: Int, heads: Int, products: Double = 1, exponentials: Bool = false,
    writtenPerRow: Double? = nil, on device: Device
  ) throws(ScheduleError) -> Kernel {
    let tile = (rows: min(128, rows), columns: min(128, columns))
    let (rowTiles, columnTiles) = ((rows + 127) / 128, (columns + 127) / 128)
    let isGrid = writtenPerRow == nil
    let stored = isGrid ? Double(tile.rows * tile.columns * 4) : 0
    let rowBytes = Double(shape.headDim) * element
    let step = scores(
      tile, products: products, exponentials: exponentials, stored: stored,
      loadsRows: isGrid)
    return try stream(
      name, items: heads * rowTiles * (isGrid ? columnTiles : 1),
      read: isGrid ? 0 : Double(tile.rows) * rowBytes,
      written: isGrid ? stored : Double(tile.rows) * (writtenPerRow ?? 0),
      steps: isGrid ? 1 : columnTiles, step: step,
      sharedStream: .init(
        sequences: max(heads, 1),
        bytesRead: (Double(columns) * products + (isGrid ? Double(rows) : 0)) * rowBytes,
        bytesAccumulated: 0),
      on: device)
  }

  /// A tile of scores: its columns loaded, the product, what it is reduced to.
  @OperationList private func scores(
    _ tile: (rows: Int, columns: Int), products: Double, exponentials: Bool, stored: Double, loadsRows: Bool
  ) -> [Operation] {
    let rowBytes = Double(shape.headDim) * element
    let scores = Double(tile.rows * tile.columns)
    let paddedRows = Double((tile.rows + 15) / 16 * 16)
    let flops = products * 2 * paddedRows * Double(tile.columns) * Double(shape.headDim)
    if loadsRows { load("load rows", Double(tile.rows) * rowBytes) }
    load("load columns", products * Double(tile.columns) * rowBytes)
    Operation(
      "scores", .tensorSync,
      work: .of {
        $0.matrixFlops = flops
        $0.matrixInstructions = flops / 4096 / Double(threads / 32)
        $0.sharedRead = products * 5 * Double(tile.columns) * rowBytes
        $0.otherInstructions = scores * 0.25
      }, action: Self.used)
    Operation(
      "reduce scores", .vector,
      work: .of {
        $0.alu = scores
        $0.fma = exponentials ? 2 * scores : scores
        $0.max = exponentials ? scores : 0
        $0.exp = exponentials ? scores : 0
        $0.otherInstructions = stored / 16
      }, chain: Chain(alu: 8, exp: exponentials ? 1 : 0), action: Self.used)
  }

  private func load(_ name: String, _ bytes: Double) -> Operation {
    Operation(
      name, .loadStore,
      work: .of {
        $0.globalRead = bytes
        $0.otherInstructions = bytes / 8
        $0.sharedWrite = bytes
      }, action: Self.used)
  }

  /// Marks data as used, in the buffer that `stream` makes.
  private static var used: Action { .fill(TileRef(BufferID(index: 0)), 0) }

  /// A pass over a matrix, 1024 elements an item; bytes are those of one element.
  func elements(
    _ name: String, _ count: Double, read: Double, written: Double, alu: Double = 4, on device: Device
  ) throws(ScheduleError) -> Kernel {
    let perItem = 1024.0
    return try stream(
      name, items: Int((count / perItem).rounded(.up)), read: perItem * read, written: perItem * written,
      work: .of {
        $0.alu = perItem * alu
        $0.otherInstructions = perItem * 2
      }, chain: Chain(alu: 4), on: device)
  }

  /// Softmax of rows: maximum, sum and quotient, read once and written once.
  func softmaxRows(
    _ name: String, rows: Double, length: Int, on device: Device
  ) throws(ScheduleError) -> Kernel {
    let perItem = 1024.0
    return try stream(
      name, items: Int((rows * Double(length) / perItem).rounded(.up)), read: perItem * 4,
      written: perItem * 4,
      work: .of {
        $0.max = perItem
        $0.exp = perItem
        $0.fma = 3 * perItem
        $0.shuffle = Double(threads) * 10
        $0.otherInstructions = perItem
      }, chain: Chain(alu: 20, exp: 1, shuffle: 10, shared: 4), on: device)
  }

  /// Copies of rows by index as a framework does them, element by element.
  ///
  /// - Parameter logic: integer instructions an element: 44 of a copy between strided tensors; a copy of whole rows divides
  ///   once (16, inferred).
  func gather(
    _ name: String, _ count: Double, logic: Double = 44, on device: Device
  ) throws(ScheduleError) -> Kernel {
    let perItem = 1024.0
    return try stream(
      name, items: Int((count / perItem).rounded(.up)), read: perItem * element + perItem / 16,
      written: perItem * element,
      work: .of {
        $0.alu = logic * perItem
        $0.otherInstructions = 10 * perItem
      }, chain: Chain(alu: 8, global: 1), on: device)
  }

  /// Keys that one work item sorts in its shared memory; longer rows take passes over device memory.
  private static let largestBlockSort = 4096

  /// A radix sort of each row with its indices (8 bytes): eight digits of four bits in shared memory, where a key is ranked,
  /// written and read with its index; or, for rows that are longer, four passes of eight bits through memory.
  func sort(
    _ name: String, rows: Int, length: Int, on device: Device
  ) throws(ScheduleError) -> [Kernel] {
    let isLong = length > Self.largestBlockSort
    let perItem = isLong ? Self.largestBlockSort : length
    let items = isLong ? rows * ((length + perItem - 1) / perItem) : rows
    let digits = isLong ? 2.0 : 8
    let keys = Double(perItem)
    let work = Work.of {
      $0.alu = keys * digits * 24
      $0.otherInstructions = keys * digits * 10
      $0.sharedWrite = keys * digits * 16
      $0.sharedRead = keys * digits * 16
    }
    var kernels: [Kernel] = []
    for pass in 0..<(isLong ? 4 : 1) {
      kernels.append(
        try stream(
          isLong ? "\(name)_\(pass + 1)" : name, items: items, read: keys * (pass == 0 ? 4 : 12),
          written: keys * 12, work: work,
          chain: Chain(alu: 40 * Int(digits), shuffle: 5 * Int(digits), shared: 6 * Int(digits)), on: device))
    }
    return kernels
  }

  /// Items that each read, work, and write.
  func stream(
    _ name: String, items: Int, read: Double, written: Double, work: Work = Work(), chain: Chain = Chain(),
    steps: Int = 0, step: [Operation] = [], sharedStream: Kernel.SharedStream? = nil, on device: Device
  ) throws(ScheduleError) -> Kernel {
    var builder = KernelBuilder(schedule: schedule, kernel: name)
    _ = builder.buffer("used", .registers, rows: 1, columns: 1, type: .fp32)
    func move(_ name: String, _ bytes: Double, isLoad: Bool) -> Operation? {
      guard bytes > 0 else { return nil }
      return Operation(
        name, .loadStore,
        work: .of {
          if isLoad { $0.streamRead = bytes } else { $0.globalWrite = bytes }
          $0.otherInstructions = bytes / 16
        }, action: Self.used)
    }
    builder.actor("warps", warps: threads / 32) { actor in
      actor.once { move("load", read, isLoad: true) }
      actor.once(trips: steps) { step }
      actor.once {
        Operation("work", .vector, work: work, chain: chain, action: Self.used)
        move("store", written, isLoad: false)
      }
    }
    return try builder.build(
      items: .equal(max(items, 1)), policy: .grid(order: .tilesFastest),
      footprint: Footprint(
        threads: threads, registersPerThread: step.isEmpty ? 32 : 128,
        sharedBytes: step.isEmpty ? 0 : 2 * 128 * min(shape.headDim, 256) * shape.dataType.bytes),
      role: .preprocess, sharedStream: sharedStream, on: device)
  }
}
