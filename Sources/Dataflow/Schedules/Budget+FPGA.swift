public import HWModels
public import Programs

/// Multipliers and memories that graphs take of an FPGA.
///
/// A multiply-accumulate takes as many slices as its operands need in the better of both orders. A memory takes the fewest
/// block RAMs over their shapes (512 x 72 to 32768 x 1); where there are UltraRAMs, those that fill half of one's depth go
/// there. Memories of up to 64 words are taken to lie in look-up tables. Left out: look-up tables, registers, exponentials,
/// reciprocals, activation functions, norms and the platform's own logic, for which no counts are published.
/// - Source: AMD UG573 (memory shapes), UG579 (27 x 18 multiplier).
extension Budget {
  public static func fpga(_ graphs: [DataflowGraph], on board: Device.FPGA) -> Budget {
    var (dsp, bram, uram) = (0, 0, 0)
    for graph in graphs {
      for node in graph.nodes {
        dsp += node.area.macs * slices(node.area.operandBits, on: board)
        for memory in node.area.buffers { add(memory, on: board, &bram, &uram) }
      }
      for fifo in graph.fifos {
        guard let depth = fifo.depth else { continue }
        add(
          .init(name: fifo.name, wordBits: 8 * fifo.bytesPerElement, words: depth), on: board, &bram, &uram)
      }
    }
    return Budget(lines: [
      .init(item: "DSP slices", needed: dsp, available: Int(board.dsp.value)),
      .init(item: "block RAMs (36 Kib)", needed: bram, available: Int(board.bram.value)),
      .init(item: "UltraRAMs (288 Kib)", needed: uram, available: Int(board.uram.value)),
    ])
  }

  private static func slices(_ bits: (Int, Int), on board: Device.FPGA) -> Int {
    func parts(_ bits: Int, _ width: Count) -> Int {
      (bits + max(Int(width.value), 1) - 1) / max(Int(width.value), 1)
    }
    return min(
      parts(bits.0, board.dspWidthA) * parts(bits.1, board.dspWidthB),
      parts(bits.1, board.dspWidthA) * parts(bits.0, board.dspWidthB))
  }

  private static func add(
    _ memory: DataflowGraph.Area.Memory, on board: Device.FPGA, _ bram: inout Int, _ uram: inout Int
  ) {
    func blocks(_ width: Int, _ depth: Int) -> Int {
      (memory.wordBits + width - 1) / width * ((memory.words + depth - 1) / depth)
    }
    guard memory.words > 64 else { return }
    if board.uram.value > 0, memory.words >= 2048 {
      uram += blocks(72, 4096)
    } else {
      bram +=
        [(72, 512), (36, 1024), (18, 2048), (9, 4096), (4, 8192), (2, 16384), (1, 32768)]
        .map { blocks($0.0, $0.1) }.min() ?? 0
    }
  }
}
