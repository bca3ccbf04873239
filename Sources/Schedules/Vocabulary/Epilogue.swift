import Programs

/// A tile of outputs on its way from accumulators to device memory, laid out by rows in shared memory; and its log-sum-exp.
struct Epilogue {
  let registers: ConsumerBuffers
  let place: TileCoordinate
  let columns: Int
  var output = Tensor.o
  var logSumExp = Tensor.logSumExp
  /// Bytes of an element as it is written.
  var element = 2
  /// Rows that exist.
  let rowsWritten: Double

  init(_ registers: ConsumerBuffers, _ place: TileCoordinate, columns: Int, rowsWritten: Double? = nil) {
    self.registers = registers
    self.place = place
    self.columns = columns
    self.rowsWritten = rowsWritten ?? Double(place.rows)
  }

  private var elements: Double { Double(place.rows * columns) }
  private var bytes: Double { elements * Double(element) }

  var normalise: Operation { registers.softmax.normalise(logSumExp: registers.logSumExp) }

  /// Rounds and writes to shared memory, 16 bytes a lane.
  var toShared: Operation {
    Operation(
      "O to shared memory", .vector,
      work: .of {
        $0.convert = element == 4 ? 0 : elements
        $0.sharedWrite = bytes
        $0.otherInstructions = bytes / 16
      }, chain: Chain(alu: 1, shared: 1))
  }

  /// The same, and back into registers by rows.
  ///
  /// - Parameter addressing: integer operations of an element.
  func throughShared(addressing: Double = 0) -> Operation {
    var operation = toShared
    operation.name = "O through shared memory"
    operation.work.alu = addressing * elements
    operation.work.sharedRead = bytes
    operation.work.otherInstructions = bytes / 8
    operation.chain.shared = 2
    return operation
  }

  /// 16 bytes a lane; rows past the end are not written.
  var storeByThreads: Operation {
    Operation(
      "store O", .loadStore,
      work: .of {
        $0.globalWrite = bytes * rowsWritten / Double(place.rows)
        $0.otherInstructions = bytes / 16
      }, action: .store(registers.output, output, place))
  }

  var storeByCopyEngine: Operation {
    Operation(
      "store O", .copyAsync,
      work: .of {
        $0.sharedRead = bytes
        $0.globalWrite = bytes
      }, signals: [registers.stored], action: .store(registers.output, output, place))
  }

  func storeLogSumExp(after barriers: [BarrierID] = []) -> Operation {
    Operation(
      "store log-sum-exp", .loadStore, work: .of { $0.globalWrite = Double(place.rows * 4) },
      waits: barriers, action: .store(registers.logSumExp, logSumExp, place))
  }
}
