import Programs

/// What steps of every kernel hold beside products, copies and softmax.
extension Operation {
  static func wait(_ name: String, _ barriers: BarrierID...) -> Operation {
    Operation("wait for \(name)", .sync, waits: barriers)
  }

  /// Gives a slot back, once what reads it is done.
  static func release(_ name: String, _ slots: BarrierID..., after done: BarrierID? = nil) -> Operation {
    Operation("release \(name)", .sync, waits: done.map { [$0] } ?? [], signals: slots)
  }

  /// Address and phase arithmetic, register moves, polls and branches of a step, in instructions of a warp.
  ///
  /// - Parameter logic: integer instructions among lanes.
  static func loopControl(warps: Int, _ instructions: Double, logic: Double = 0) -> Operation {
    Operation(
      "loop control", .vector,
      work: .of {
        $0.otherInstructions = Double(32 * warps) * instructions
        $0.alu = Double(32 * warps) * logic
      })
  }
}
