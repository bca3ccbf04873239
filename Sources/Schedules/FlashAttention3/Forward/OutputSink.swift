import Attention
import Programs

extension FlashAttention3Forward {
  /// Where the output of a warpgroup goes.
  protocol OutputSink {
    /// Normalises and rounds it, on its way through shared memory.
    func round(_ own: Warpgroup) -> [Operation]
    func store(_ own: Warpgroup) -> [Operation]
  }

  /// A sink, and how often a work item uses it.
  struct Output {
    let count: KeyPath<Steps, Int>
    let sink: any OutputSink
  }

  /// The copy engine stores the rows of all warpgroups together. O lies where Q lay: all meet when they have read that, and
  /// when O is written.
  struct CopyEngineStore: OutputSink {
    let tile: FlashAttention3Tile
    let read: BarrierID
    let written: BarrierID

    init(_ builder: inout KernelBuilder<Steps>, _ tile: FlashAttention3Tile) {
      self.tile = tile
      read = builder.barrier("all have read", .named, arrivals: tile.warpgroups)
      written = builder.barrier("O written", .named, arrivals: tile.warpgroups)
    }

    private func epilogue(_ own: Warpgroup) -> Epilogue {
      Epilogue(own.registers, own.place, columns: tile.headDimV)
    }

    func round(_ own: Warpgroup) -> [Operation] {
      var toShared = epilogue(own).toShared
      (toShared.waits, toShared.signals) = ([read], [written])
      return [
        epilogue(own).normalise, Operation("all have read", .sync, signals: [read]), toShared,
      ]
    }

    func store(_ own: Warpgroup) -> [Operation] {
      var store = epilogue(own).storeByCopyEngine
      store.waits = [written]
      return [store, epilogue(own).storeLogSumExp(after: [own.registers.stored])]
    }
  }

  /// Threads store rows that exist, each to an address of its own: rows of packed heads, or of a sequence of any length.
  struct ThreadStore: OutputSink {
    let tile: FlashAttention3Tile
    let tiles: QueryTiles
    /// Whether it is a part of the output, in fp32.
    let isPartial: Bool

    private func epilogue(_ own: Warpgroup) -> Epilogue {
      // All rows exist where a sequence has several tiles.
      let used =
        tiles.tilesPerSequence == 1 || tiles.shape.hasQueryLengths
        ? tiles.usedRows(from: own.rows.lowerBound, count: own.rows.count) : nil
      var epilogue = Epilogue(own.registers, own.place, columns: tile.headDimV, rowsWritten: used)
      if isPartial {
        (epilogue.output, epilogue.logSumExp, epilogue.element) = (.partialO, .partialLogSumExp, 4)
      }
      return epilogue
    }

    func round(_ own: Warpgroup) -> [Operation] {
      let epilogue = epilogue(own)
      var toShared = epilogue.toShared
      if isPartial {
        (toShared.work, toShared.chain.shared) = (Work(), 0)
        return [epilogue.normalise, toShared]
      }
      let fromShared = Operation(
        "O from shared memory", .vector,
        work: .of {
          $0.sharedRead = toShared.work.sharedWrite
          $0.otherInstructions = toShared.work.sharedWrite / 16
        }, chain: Chain(shared: 1))
      return [epilogue.normalise, toShared, fromShared]
    }

    /// Each row's address is computed by a lane and told to those that store it, 2 KiB at a time.
    func store(_ own: Warpgroup) -> [Operation] {
      let epilogue = epilogue(own)
      var store = epilogue.storeByThreads
      store.work.alu = store.work.otherInstructions
      store.work.otherInstructions += 128 * 100
      let passes = max(Int(store.work.globalWrite) / 2048, 1)
      store.chain = Chain(alu: 4 * passes, shuffle: passes)
      var statistics = epilogue.storeLogSumExp()
      statistics.work.globalWrite = epilogue.rowsWritten * 4
      return [store, statistics]
    }
  }
}
