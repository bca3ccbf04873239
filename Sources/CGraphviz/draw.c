#include "CGraphviz.h"
#include <graphviz/cgraph.h>
#include <graphviz/gvc.h>
#include <stdlib.h>
#include <string.h>

/* What Graphviz complained about in the present call. */
static char complaints[512];

static int keep_complaint(char *text) {
  strncat(complaints, text, sizeof complaints - 1 - strlen(complaints));
  return 0;
}

/*
 * Names to numbers in order of appearance. Graphviz's own numbers are addresses of strings, and it visits clusters in
 * the order of their numbers: with those, a picture would differ from run to run.
 */
typedef struct {
  char **names;
  size_t count, room;
  IDTYPE anonymous;
} Names;

static void *names_open(Agraph_t *graph, Agdisc_t *discipline) {
  Names *names = calloc(1, sizeof *names);
  if (names) names->anonymous = 1;
  return names;
}

/* Named things have even numbers from 2 on, nameless ones odd numbers. */
static long names_map(void *state, int kind, char *name, IDTYPE *number, int create) {
  Names *names = state;
  if (!name) {
    *number = names->anonymous;
    names->anonymous += 2;
    return 1;
  }
  for (size_t index = 0; index < names->count; index++) {
    if (strcmp(names->names[index], name) == 0) {
      *number = 2 * (index + 1);
      return 1;
    }
  }
  if (!create) return 0;
  if (names->count == names->room) {
    size_t room = names->room ? 2 * names->room : 64;
    char **longer = realloc(names->names, room * sizeof *longer);
    if (!longer) return 0;
    names->names = longer;
    names->room = room;
  }
  char *copy = strdup(name);
  if (!copy) return 0;
  names->names[names->count++] = copy;
  *number = 2 * names->count;
  return 1;
}

static long names_alloc(void *state, int kind, IDTYPE number) { return 0; }
static void names_free(void *state, int kind, IDTYPE number) {}

static char *names_print(void *state, int kind, IDTYPE number) {
  Names *names = state;
  return number % 2 == 0 && number / 2 <= names->count ? names->names[number / 2 - 1] : NULL;
}

static void names_close(void *state) {
  Names *names = state;
  for (size_t index = 0; index < names->count; index++) free(names->names[index]);
  free(names->names);
  free(names);
}

static void names_register(void *graph, int kind, void *object) {}

/* Reads the text piece by piece. `channel` points to the rest. */
static int read_text(void *channel, char *buffer, int size) {
  const char **rest = channel;
  size_t length = strnlen(*rest, (size_t)size);
  memcpy(buffer, *rest, length);
  *rest += length;
  return (int)length;
}

static char *draw(GVC_t *context, Agraph_t *graph, const char *format) {
  char *text = NULL;
  unsigned int length = 0;
  if (gvLayout(context, graph, "dot") != 0) return NULL;
  if (gvRenderData(context, graph, format, &text, &length) != 0) text = NULL;
  gvFreeLayout(context, graph);
  return text;
}

char *attnsim_graph_draw(const char *dot, const char *format, char *error, unsigned long errorSize) {
  static Agiddisc_t numbering = {names_open, names_map, names_alloc, names_free, names_print, names_close, names_register};
  static Agiodisc_t reading = {read_text, NULL, NULL};
  static Agdisc_t discipline = {NULL, &numbering, &reading};
  char *text = NULL;
  complaints[0] = 0;
  agseterrf(keep_complaint);
  GVC_t *context = gvContext();
  if (context) {
    const char *rest = dot;
    Agraph_t *graph = agread(&rest, &discipline);
    if (graph) {
      text = draw(context, graph, format);
      agclose(graph);
    }
    gvFreeContext(context);
  }
  if (!text && errorSize > 0) {
    strncpy(error, complaints[0] ? complaints : "no reason given", errorSize - 1);
    error[errorSize - 1] = 0;
  }
  return text;
}

void attnsim_graph_free(char *text) { gvFreeRenderData(text); }
