#pragma once
#include <graphviz/gvc.h>
#include <graphviz/cgraph.h>
/* Swift sees `char *` parameters of Graphviz as mutable and its global descriptors as unsafe: wrap them. */
static inline Agraph_t *attnsim_agmemread(const char *dot) { return agmemread(dot); }
static inline int attnsim_layout(GVC_t *context, Agraph_t *graph, const char *engine) {
  return gvLayout(context, graph, engine);
}
static inline int attnsim_render(GVC_t *context, Agraph_t *graph, const char *format, char **data,
                                 unsigned int *length) {
  return gvRenderData(context, graph, format, data, length);
}
static inline void attnsim_free(char *data) { gvFreeRenderData(data); }
