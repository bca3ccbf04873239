public import HWModels

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Where device files are found: the first of its directories that has `<id>.yaml`.
public struct DeviceLibrary: Sendable {
  /// Directories in the order in which they are searched.
  public let directories: [String]

  public init(directories: [String]) { self.directories = directories }

  /// The usual search path: `--hardware`, the environment variable `ATTNSIM_HARDWARE` (directories joined by `:`),
  /// `./hardware`, and the `hardware` folder of the checkout that the running program was built in.
  ///
  /// A directory given with `--hardware` is the only one searched.
  public static func standard(hardware: String? = nil) -> DeviceLibrary {
    if let hardware { return DeviceLibrary(directories: [hardware]) }
    let named = environment("ATTNSIM_HARDWARE")?.split(separator: ":").map(String.init) ?? []
    let built = CheckoutFolder.find("hardware")
    var directories = named
    for directory in ["hardware"] + (built.map { [$0] } ?? []) where !directories.contains(directory) {
      directories.append(directory)
    }
    return DeviceLibrary(directories: directories)
  }

  /// Ids of all devices, sorted; a device that is in several directories once.
  public func ids() -> [String] {
    var ids: Set<String> = []
    for directory in directories {
      for name in FolderListing.names(directory) where name.hasSuffix(".yaml") {
        ids.insert(String(name.dropLast(5)))
      }
    }
    return ids.sorted()
  }

  /// The file of device `id`; an id with a `/` or ending in `.yaml` is a path itself.
  public func path(of id: String) -> String? {
    if DeviceLibrary.isPath(id) { return id }
    guard !id.isEmpty, !id.utf8.contains(0) else { return nil }
    return directories.lazy.map { "\($0)/\(id).yaml" }.first { access($0, F_OK) == 0 }
  }

  /// Reads device `id`.
  ///
  /// - Throws: `InputError` with everything wrong in its file, or that there is none, with the nearest id as a hint.
  public func device(_ id: String) throws(InputError) -> Device {
    guard let path = path(of: id) else {
      throw InputError(Diagnostic(file: nil, message: "unknown device '\(id)'", hint: unknownHint(id)))
    }
    return try DeviceFile.load(path)
  }

  /// What to say about an id that is not there.
  func unknownHint(_ id: String) -> String {
    let known = ids()
    if known.isEmpty {
      return "no device files in \(directories.joined(separator: ", ")); give --hardware DIR"
    }
    return NearestName.hint(id, in: known) ?? ""
  }

  private static func isPath(_ id: String) -> Bool { id.contains("/") || id.hasSuffix(".yaml") }

  private static func environment(_ name: String) -> String? {
    getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
  }
}

/// Data folders of the checkout in which the running program was built: `.build/<...>/attnsim` lies below it.
public enum CheckoutFolder {
  /// The nearest folder called `name` beside or above the executable that sits next to a `Package.swift`, or nil.
  public static func find(_ name: String) -> String? {
    guard var folder = executableFolder() else { return nil }
    let deepest = 8
    for _ in 0..<deepest {
      if access("\(folder)/Package.swift", F_OK) == 0, access("\(folder)/\(name)", F_OK) == 0 {
        return "\(folder)/\(name)"
      }
      guard let slash = folder.lastIndex(of: "/"), slash != folder.startIndex else { return nil }
      folder = String(folder[..<slash])
    }
    return nil
  }

  private static func executableFolder() -> String? {
    let size = 4096
    let path = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
      count =
        buffer.baseAddress.map { base in
          max(
            0,
            readlink(
              "/proc/self/exe", UnsafeMutableRawPointer(base).assumingMemoryBound(to: CChar.self), size))
        } ?? 0
    }
    let text = String(decoding: path, as: UTF8.self)
    guard let slash = text.lastIndex(of: "/") else { return nil }
    return String(text[..<slash])
  }
}

/// Names in a directory.
enum FolderListing {
  /// Sorted; empty where the directory cannot be read.
  static func names(_ directory: String) -> [String] {
    guard let stream = opendir(directory) else { return [] }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if !name.hasPrefix(".") { names.append(name) }
    }
    return names.sorted()
  }
}
