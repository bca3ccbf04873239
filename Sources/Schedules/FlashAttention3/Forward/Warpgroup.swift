import Programs

extension FlashAttention3Forward {
  /// A warpgroup: 64 rows of the tile, its registers, its turn.
  struct Warpgroup {
    static let rows = 64

    let registers: ConsumerBuffers
    /// Its rows in the tile, and in the tensors.
    let rows: Range<Int>
    let place: TileCoordinate
    let turn: [BarrierID]
    let passTurn: [Operation]
    private let tile: FlashAttention3Tile
    private let shared: Shared
    private let parts: Int

    init(
      _ builder: inout KernelBuilder<Steps>, _ kernel: FlashAttention3Forward, _ group: Int, _ shared: Shared
    ) {
      tile = kernel.tile
      parts = kernel.keys.parts
      self.shared = shared
      rows = group * Self.rows..<(group + 1) * Self.rows
      place = TileCoordinate(rows: Self.rows, index: .item(scale: tile.warpgroups, offset: group))
      registers = ConsumerBuffers(
        builder: &builder, group: group, rows: Self.rows, keyTile: tile.keyTile, headDimV: tile.headDimV,
        type: kernel.type, probabilitiesInRegisters: tile.probabilitiesInRegisters,
        exponential: kernel.exponential)
      let next = shared.turns[(group + 1) % shared.turns.count]
      turn = kernel.pingPong ? [shared.turns[group]] : []
      passTurn = kernel.pingPong ? [Operation("pass the turn", .sync, signals: [next])] : []
    }

    /// Columns of part `part` of `columns`; nil is all.
    private func columns(_ part: Int, of columns: Int) -> Range<Int>? {
      let width = columns / parts
      return parts == 1 ? nil : part * width..<(part + 1) * width
    }

    /// The product of Q and K, part by part of the head dimension as they arrive.
    func scores(turn: [BarrierID] = []) -> [Operation] {
      let gemm = Gemm.asynchronous(rows: Self.rows, columns: tile.keyTile, depth: tile.headDim / parts)
      return shared.k.enumerated().map { part, k in
        gemm.operation(
          "S = Q K^T", TileRef(shared.q.buffer, .item, rows: rows, columns: columns(part, of: tile.headDim)),
          TileRef(k.buffer, .step(offset: 0)), into: registers.scores, transposed: .b, accumulate: part > 0,
          waits: [k.full] + (part == 0 ? turn : []), signals: [registers.scoresDone])
      }
    }

    /// The product of P and V of the step before, part by part of V's columns.
    var accumulate: [Operation] {
      let gemm = Gemm.asynchronous(
        rows: Self.rows, columns: tile.headDimV / parts, depth: tile.keyTile,
        registerDepth: tile.probabilitiesInRegisters ? tile.keyTile : 0)
      return shared.v.enumerated().map { part, v in
        gemm.operation(
          "O += P V", registers.probabilities, TileRef(v.buffer, .step(offset: -1)),
          into: TileRef(registers.output.buffer, columns: columns(part, of: tile.headDimV)), accumulate: true,
          waits: [v.full], signals: [registers.outputDone])
      }
    }

    /// Gives back the parts of a tile as the products that read them complete.
    var releaseK: [Operation] { shared.k.map { .release("K", $0.empty, after: registers.scoresDone) } }
    var releaseV: [Operation] { shared.v.map { .release("V", $0.empty, after: registers.outputDone) } }

    /// Forbidden scores to minus infinity.
    func mask(_ work: Work) -> Operation {
      var mask = registers.softmax.mask(
        keyTile: TileCoordinate(rows: tile.keyTile, index: .walk(offset: 0)), queryTile: place)
      mask.work = work
      return mask
    }

    var clear: [Operation] { registers.clear }
    var softmax: [Operation] {
      [registers.softmax.updateMaximum(), registers.softmax.exponentiate(), registers.softmax.updateSum()]
    }
    var convert: Operation { registers.convert }
    var rescale: Operation { registers.softmax.rescaleOutput() }
  }
}
