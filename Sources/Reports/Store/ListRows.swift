import GRDB
import HWModels
import Programs
import Results

/// The lists of a result as rows of the child tables, each numbered in its order.
struct ListRows {
  private var phases: RowInsert
  private var kernels: RowInsert
  private var resources: RowInsert
  private var traffic: RowInsert
  private var bounds: RowInsert
  private var warnings: RowInsert
  private var classes: RowInsert

  init(_ database: Database) throws {
    func insert(_ table: String, _ columns: Int) throws -> RowInsert {
      let places = Array(repeating: "?", count: columns).joined(separator: ", ")
      return try RowInsert(database, "INSERT INTO \(table) VALUES (\(places))")
    }
    phases = try insert("phases", 5)
    kernels = try insert("kernels", 9)
    resources = try insert("resources", 5)
    traffic = try insert("traffic", 5)
    bounds = try insert("bounds", 7)
    warnings = try insert("warnings", 4)
    classes = try insert("item_classes", 9)
  }

  mutating func insert(_ result: SimulationResult, _ id: Int64) throws {
    for (position, phase) in result.phases.enumerated() {
      phases.bind(id)
      phases.bind(position)
      phases.bind(phase.name)
      phases.bind(phase.time.value)
      phases.bind(phase.cycles.value)
      _ = try phases.run()
    }
    for (position, kernel) in result.kernels.enumerated() {
      kernels.bind(id)
      kernels.bind(position)
      kernels.bind(kernel.name)
      kernels.bind(kernel.cycles.value)
      kernels.bind(kernel.workItems)
      kernels.bind(kernel.residentItems)
      kernels.bind(kernel.coresUsed)
      kernels.bind(kernel.waves)
      kernels.bind(kernel.occupancy)
      _ = try kernels.run()
    }
    for (position, use) in result.resources.enumerated() {
      resources.bind(id)
      resources.bind(position)
      resources.bind(use.resource.name)
      resources.bind(use.busyCycles)
      resources.bind(use.utilisation)
      _ = try resources.run()
    }
    for (position, level) in result.traffic.enumerated() {
      traffic.bind(id)
      traffic.bind(position)
      traffic.bind(level.level)
      traffic.bind(level.readBytes)
      traffic.bind(level.writeBytes)
      _ = try traffic.run()
    }
    for (position, bound) in result.bounds.enumerated() {
      bounds.bind(id)
      bounds.bind(position)
      bounds.bind(bound.resource.name)
      bounds.bind(bound.time.value)
      bounds.bind(bound.ceiling)
      bounds.bind(bound.unit)
      bounds.bind(bound.amount)
      _ = try bounds.run()
    }
    for (position, warning) in result.warnings.enumerated() {
      warnings.bind(id)
      warnings.bind(position)
      warnings.bind(warning.code)
      warnings.bind(warning.message)
      _ = try warnings.run()
    }
  }

  mutating func insertClasses(of result: SimulationResult, _ id: Int64) throws {
    for (kernelPosition, kernel) in result.kernels.enumerated() {
      for (position, item) in kernel.classes.enumerated() {
        classes.bind(id)
        classes.bind(kernelPosition)
        classes.bind(position)
        classes.bind(item.count)
        classes.bind(item.trips)
        classes.bind(item.cycles.value)
        classes.bind(item.period?.trips)
        classes.bind(item.period?.ticks)
        classes.bind(item.period?.jumpedTrips)
        _ = try classes.run()
      }
    }
  }
}
