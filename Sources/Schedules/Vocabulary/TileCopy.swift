import Programs

/// A tile's way from device memory into shared memory: what is read and for whom, and what is written.
///
/// `byCopyEngine` and `byThreads` make operations of it.
struct TileCopy {
  let tensor: Tensor
  let place: TileCoordinate
  /// Bytes of a row of the tile.
  let rowBytes: Double
  let readers: Readers
  /// Rows that exist; zeros land for the others.
  let rowsRead: Double

  /// Which work items read it.
  enum Readers {
    /// Many of a sequence: through the shared cache.
    case many
    /// No other: from device memory.
    case one
    /// Those of this many query heads, each once: the first from device memory.
    case heads(Int)
  }

  init(
    _ tensor: Tensor, _ place: TileCoordinate, rowBytes: Double, readers: Readers = .many,
    rowsRead: Double? = nil
  ) {
    self.tensor = tensor
    self.place = place
    self.rowBytes = rowBytes
    self.readers = readers
    self.rowsRead = rowsRead ?? Double(place.rows)
  }

  /// Columns of 16 bit.
  init(
    _ tensor: Tensor, _ place: TileCoordinate, columns: Int, readers: Readers = .many, rowsRead: Double? = nil
  ) {
    self.init(tensor, place, rowBytes: Double(2 * columns), readers: readers, rowsRead: rowsRead)
  }

  /// Bytes that land.
  var bytes: Double { Double(place.rows) * rowBytes }

  /// Bytes read and written.
  private func work(multicast: Int = 1) -> Work {
    let read = rowsRead * rowBytes
    return .of {
      switch readers {
      case .many: $0.globalRead = read / Double(multicast)
      case .one: $0.streamRead = read
      case .heads(let count):
        $0.streamRead = read / Double(count)
        $0.globalRead = read - read / Double(count)
      }
      $0.sharedWrite = bytes
    }
  }

  private func operation(
    _ name: String?, _ unit: Operation.Unit, _ work: Work, into target: TileRef, waits: [BarrierID],
    signals: [BarrierID]
  ) -> Operation {
    Operation(
      name ?? "load \(tensor.rawValue.uppercased())", unit, work: work, waits: waits, signals: signals,
      action: .load(tensor, place, into: target))
  }

  /// By the copy engine, for which one thread asks.
  ///
  /// - Parameter multicast: cores of a cluster that get the tile by one read.
  func byCopyEngine(
    _ name: String? = nil, multicast: Int = 1, into target: TileRef, waits: [BarrierID] = [],
    signals: [BarrierID]
  ) -> Operation {
    operation(name, .copyAsync, work(multicast: multicast), into: target, waits: waits, signals: signals)
  }

  /// By the copy engine into its slot of a ring.
  func byCopyEngine(_ name: String? = nil, multicast: Int = 1, into ring: Ring) -> Operation {
    byCopyEngine(
      name, multicast: multicast, into: slot(of: ring), waits: [ring.empty], signals: [ring.full])
  }

  /// By the threads, 16 bytes a copy (cp.async): an instruction each.
  ///
  /// - Parameter addressing: operations of a copy beside it: its address and predicate.
  func byThreads(
    _ name: String? = nil, addressing: Double = 1, into target: TileRef, waits: [BarrierID] = [],
    signals: [BarrierID]
  ) -> Operation {
    var work = work()
    work.otherInstructions = bytes / 16
    work.alu = addressing * bytes / 16
    return operation(name, .loadAsync, work, into: target, waits: waits, signals: signals)
  }

  /// By the threads into its slot of a ring.
  func byThreads(_ name: String? = nil, addressing: Double = 1, into ring: Ring) -> Operation {
    byThreads(
      name, addressing: addressing, into: slot(of: ring), waits: [ring.empty], signals: [ring.full])
  }

  /// The slot of the work item for its own tile, of the step for a tile of the walk.
  private func slot(of ring: Ring) -> TileRef {
    switch place.index {
    case .item: TileRef(ring.buffer, .item)
    case .walk(let offset, _): TileRef(ring.buffer, .step(offset: offset))
    }
  }
}
