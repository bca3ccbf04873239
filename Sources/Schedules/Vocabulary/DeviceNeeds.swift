import Programs

/// What kernels are compiled for. Counts of instructions are those of warps of 32 lanes.
extension DeviceNeed {
  static let warps = lanes(32)
  /// Products of a warp with operands in registers (PTX `mma.sync`).
  static let warpProducts = synchronousProducts(family: "mma.sync")
  /// Products of a warpgroup that accumulate in its registers (PTX `wgmma`).
  static let warpgroupProducts = asynchronousProducts(family: "wgmma", accumulators: "registers")

  /// Kernels on the products of warps.
  static let ampere: [DeviceNeed] = [warps, warpProducts]
  /// Kernels on the products of warpgroups, with operands from the copy engine.
  static let hopper: [DeviceNeed] = [warps, warpgroupProducts, copyEngine]
}
