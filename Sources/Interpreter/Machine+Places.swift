import Attention
import Programs

/// Where tiles lie, in buffers and in device memory.
extension Machine {
  func locate(
    _ ref: TileRef, _ context: Context
  ) throws(ExecutionFault) -> (slot: Int, rectangle: Rectangle) {
    let buffer = context.compiled.kernel.buffers[ref.buffer.index]
    let number =
      switch ref.slot {
      case .fixed(let fixed): fixed
      case .step(let offset): context.step.stepsBefore + context.step.step + offset
      case .item: context.step.itemsBefore
      }
    let rows = ref.rows ?? 0..<buffer.rows
    let columns = ref.columns ?? 0..<buffer.columns
    if rows.lowerBound < 0 || rows.upperBound > buffer.rows || columns.upperBound > buffer.columns {
      throw outside(ref, context)
    }
    return (
      (number % buffer.slots + buffer.slots) % buffer.slots,
      Rectangle(
        row: rows.lowerBound, rows: rows.count, column: columns.lowerBound, columns: columns.count)
    )
  }

  private func outside(_ ref: TileRef, _ context: Context) -> ExecutionFault {
    let buffer = context.compiled.kernel.buffers[ref.buffer.index].name
    return .mismatch(operation: context.name, message: "the tile lies outside of buffer \(buffer)")
  }

  func read(_ ref: TileRef, _ context: Context) throws(ExecutionFault) -> Int32 {
    let (slot, rectangle) = try locate(ref, context)
    let value = context.slot.read(ref.buffer.index, slot: slot, rectangle, in: table)
    recorder?.read(.buffer(ref.buffer.index, slot: slot), value: value)
    return value
  }

  func write(_ value: Int32, to ref: TileRef, _ context: Context) throws(ExecutionFault) {
    let (slot, rectangle) = try locate(ref, context)
    try write(value, buffer: ref.buffer.index, slot: slot, rectangle, context)
  }

  func write(
    _ value: Int32, buffer: Int, slot: Int, _ rectangle: Rectangle, _ context: Context
  ) throws(ExecutionFault) {
    let tile = table[value]
    guard tile.rows == rectangle.rows, tile.columns == rectangle.columns else {
      throw .mismatch(
        operation: context.name,
        message: "a result of \(tile.rows) x \(tile.columns) goes to a tile of \(rectangle.rows) x "
          + "\(rectangle.columns) of buffer \(context.compiled.kernel.buffers[buffer].name)")
    }
    let rounded = table.rounded(value, to: context.compiled.kernel.buffers[buffer].elementType)
    context.slot.write(rounded, buffer: buffer, slot: slot, rectangle)
    recorder?.write(.buffer(buffer, slot: slot), value: rounded)
  }

  func index(_ index: TileIndex, _ context: Context) throws(ExecutionFault) -> Int {
    switch index {
    case .item(let scale, let offset): return context.item.tile * scale + offset
    case .walk(let offset, let stepsPerTile): return try walked(offset, stepsPerTile, context)
    }
  }

  func walked(_ offset: Int, _ stepsPerTile: Int, _ context: Context) throws(ExecutionFault) -> Int {
    let walk = context.compiled.walks[context.item.itemClass]
    let place = (context.step.step + offset) / stepsPerTile
    guard let tile = walk.tile(at: place) else {
      throw .mismatch(
        operation: context.name,
        message: "place \(place) lies past the end of a walk of \(walk.count) tiles")
    }
    return tile
  }

  /// Reads rows and columns of a tensor in device memory.
  func fetch(
    _ tensor: Tensor, _ coordinate: TileCoordinate, _ rows: Int, _ columns: Int, _ context: Context
  ) throws(ExecutionFault) -> Int32 {
    let value: Int32
    if let keys = context.compiled.kernel.items.keys, tensor.isPerKeyValueHead {
      var place = try place(tensor, coordinate, rows, columns, context)
      place.rectangle.row += keys.lowerBound
      place.rectangle.rows = min(rows, keys.upperBound - place.rectangle.row)
      let some = place.rectangle.rows > 0 ? memory.read(place) : table.constant(0, rows: 1, columns: columns)
      // Keys past the last are not read.
      value = table.crop(some, row: 0, rows: rows, column: 0, columns: columns)
    } else if let place = try onePlace(tensor, coordinate, rows, columns, context) {
      value = memory.read(place)
    } else {
      var whole = table.constant(0, rows: rows, columns: columns)
      for (offset, piece) in try pieces(tensor, coordinate, rows, columns, context) {
        whole = table.overlay(whole, with: memory.read(piece), row: offset, column: 0)
      }
      value = whole
    }
    recorder?.read(.memory(tensor), value: value)
    return value
  }

  /// Writes rows and columns of a tensor in device memory.
  func put(
    _ value: Int32, _ tensor: Tensor, _ coordinate: TileCoordinate, _ context: Context
  ) throws(ExecutionFault) {
    let tile = table[value]
    if let place = try onePlace(tensor, coordinate, tile.rows, tile.columns, context) {
      memory.write(value, to: place)
    } else {
      for (offset, piece) in try pieces(tensor, coordinate, tile.rows, tile.columns, context) {
        let part = table.crop(
          value, row: offset, rows: piece.rectangle.rows, column: 0, columns: tile.columns)
        memory.write(part, to: piece)
      }
    }
    recorder?.write(.memory(tensor), value: value)
  }

  /// Whether the kernel takes the query rows of several batch elements as one sequence.
  func isStacked(_ tensor: Tensor, _ context: Context) -> Bool {
    context.compiled.kernel.items.stackedBatch > 1 && !tensor.isPerKeyValueHead
  }

  /// The query rows `rows` of a stacked sequence by batch element: offset among them, first head, and rows of its heads.
  func stackedRows(_ rows: Range<Int>, _ context: Context) -> [(offset: Int, head: Int, rows: Range<Int>)] {
    let shape = program.shape
    let packedHeads = context.compiled.kernel.items.packedHeads
    let each = shape.seqQ * packedHeads
    return (0..<context.compiled.kernel.items.stackedBatch).compactMap { element in
      let own = rows.clamped(to: element * each..<(element + 1) * each)
      guard !own.isEmpty else { return nil }
      return (
        own.lowerBound - rows.lowerBound,
        element * shape.headsQ + context.item.sequence * packedHeads,
        own.lowerBound - element * each..<own.upperBound - element * each
      )
    }
  }

  /// Whether the kernel takes the query rows of all heads as one sequence.
  func isFlat(_ tensor: Tensor, _ context: Context) -> Bool {
    queryHeads > 1 && !tensor.isPerKeyValueHead && context.compiled.kernel.items.packedHeads == 1
      && context.compiled.sequences == 1 && !isStacked(tensor, context)
  }

  /// The place of rows that lie together in one head; nil for those that lie in several pieces.
  func onePlace(
    _ tensor: Tensor, _ coordinate: TileCoordinate, _ rows: Int, _ columns: Int, _ context: Context
  ) throws(ExecutionFault) -> DeviceMemory.Place? {
    if coordinate.order != nil { return nil }
    if isStacked(tensor, context) { return nil }
    guard isFlat(tensor, context) else { return try place(tensor, coordinate, rows, columns, context) }
    let first = try index(coordinate.index, context) * coordinate.rows + coordinate.firstRow
    guard first < queryRows else { return nil }
    let (head, firstOfHead, queries) = head(ofRow: first)
    guard first + rows <= firstOfHead + queries else { return nil }
    return DeviceMemory.Place(
      tensor: tensor, head: head, packedHeads: 1, split: try split(tensor, coordinate, context),
      rectangle: Rectangle(
        row: first - firstOfHead, rows: rows, column: coordinate.firstColumn, columns: columns))
  }

  /// The parts of a run of rows over all heads that lie in one head each, with their offsets in the run; for rows of a
  /// token order those of neighbouring tokens.
  func pieces(
    _ tensor: Tensor, _ coordinate: TileCoordinate, _ rows: Int, _ columns: Int, _ context: Context
  ) throws(ExecutionFault) -> [(Int, DeviceMemory.Place)] {
    let first = try index(coordinate.index, context) * coordinate.rows + coordinate.firstRow
    if let order = coordinate.order {
      let whole = try place(tensor, coordinate, rows, columns, context)
      return order.runs(of: first..<min(first + rows, order.rows)).map { run in
        var place = whole
        place.rectangle.row = run.tokens.lowerBound
        place.rectangle.rows = run.tokens.count
        return (run.offset, place)
      }
    }
    if isStacked(tensor, context) {
      let split = try split(tensor, coordinate, context)
      return stackedRows(first..<first + rows, context).map { piece in
        (
          piece.offset,
          DeviceMemory.Place(
            tensor: tensor, head: piece.head, packedHeads: context.compiled.kernel.items.packedHeads,
            split: split,
            rectangle: Rectangle(
              row: piece.rows.lowerBound, rows: piece.rows.count, column: coordinate.firstColumn,
              columns: columns))
        )
      }
    }
    let last = min(first + rows, queryRows)
    var found: [(Int, DeviceMemory.Place)] = []
    var row = first
    while row < last {
      let (head, firstOfHead, queries) = head(ofRow: row)
      let end = min(firstOfHead + queries, last)
      found.append(
        (
          row - first,
          DeviceMemory.Place(
            tensor: tensor, head: head, packedHeads: 1, split: try split(tensor, coordinate, context),
            rectangle: Rectangle(
              row: row - firstOfHead, rows: end - row, column: coordinate.firstColumn, columns: columns)
          )
        ))
      row = end
    }
    return found
  }

  /// The head in which a row of the whole call lies, the head's first row, and its queries.
  private func head(ofRow row: Int) -> (head: Int, first: Int, queries: Int) {
    guard hasQueryLengths else { return (row / seqQ, row / seqQ * seqQ, seqQ) }
    let shape = program.shape
    var first = 0
    for element in 0..<shape.batch {
      let queries = shape.queries(of: element)
      let own = shape.headsQ * queries
      if row < first + own {
        let head = (row - first) / queries
        return (element * shape.headsQ + head, first + head * queries, queries)
      }
      first += own
    }
    return (shape.batch * shape.headsQ - 1, first, 1)
  }

  func split(
    _ tensor: Tensor, _ coordinate: TileCoordinate, _ context: Context
  ) throws(ExecutionFault) -> Int {
    guard tensor.isPartial else { return 0 }
    switch coordinate.split {
    case .item: return context.item.split
    case .tile: return context.item.tile
    case .fixed(let fixed): return fixed
    case .after(let first): return first + context.item.split
    case .walk(let offset): return try walked(offset, 1, context)
    }
  }

  func place(
    _ tensor: Tensor, _ coordinate: TileCoordinate, _ rows: Int, _ columns: Int, _ context: Context
  ) throws(ExecutionFault) -> DeviceMemory.Place {
    let packedHeads = context.compiled.kernel.items.packedHeads
    let sequences = context.compiled.sequences
    let head: Int
    if context.compiled.kernel.items.stackedBatch > 1 {
      // The keys of all elements are those of the first.
      head = context.item.sequence
    } else if sequences * packedHeads == queryHeads {
      let first = context.item.sequence * packedHeads
      head = tensor.isPerKeyValueHead ? first / group : first
    } else if sequences == keyHeads, tensor.isPerKeyValueHead {
      head = context.item.sequence
    } else {
      throw .mismatch(
        operation: context.name,
        message: "\(sequences) sequences do not say which head of \(tensor.rawValue) is meant")
    }
    return DeviceMemory.Place(
      tensor: tensor, head: head, packedHeads: tensor.isPerKeyValueHead ? 1 : packedHeads,
      split: try split(tensor, coordinate, context),
      rectangle: Rectangle(
        row: try index(coordinate.index, context) * coordinate.rows + coordinate.firstRow, rows: rows,
        column: coordinate.firstColumn,
        columns: columns))
  }
}

extension Tensor {
  /// Whether it holds one part per split.
  var isPartial: Bool {
    switch self {
    case .partialO, .partialLogSumExp: true
    default: false
    }
  }
}
