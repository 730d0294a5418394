/* What `allot oom` found, for people and as JSON. */
#include <errno.h>
#include <string.h>
#include <sys/wait.h>

#include "oom.h"

static const char *const outcome_names[OOM_OUTCOMES] = {
    [OOM_SAME] = "same", [OOM_REPORTED] = "reported", [OOM_CRASH] = "crash",
    [OOM_HANG] = "hang", [OOM_WRONG] = "wrong",       [OOM_NOT_REACHED] = "not-reached"};

static void print_command(const struct oom_options *o, const struct oom_trial *t)
{
    printf("    again: allot run --fail=%llu%s --", (unsigned long long)t->at,
           o->on ? " --fail-mode=on" : "");
    for (char **a = o->program.argv; *a != NULL; a++)
        printf(**a == '\0' || strpbrk(*a, " \t\n\"'\\$*?;|&<>()") != NULL ? " '%s'" : " %s", *a);
    putchar('\n');
}

static void print_fault(const struct oom_options *o, const struct oom_trial *t)
{
    printf("\n  x %s   ", outcome_names[t->outcome]);
    if (t->outcome == OOM_CRASH)
        fputs(strsignal(WTERMSIG(t->run.status)), stdout);
    else if (t->outcome == OOM_HANG)
        printf("not ended after %.0f s", o->timeout_s);
    else
        printf("exit status %d, and other output", WEXITSTATUS(t->run.status));
    printf("; refused was allocation %llu", (unsigned long long)t->at);
    if (t->size > 0)
        printf(", %llu bytes", (unsigned long long)t->size);
    putchar('\n');
    if (t->stack != NULL)
        fputs(t->stack, stdout);
    print_command(o, t);
}

static void print_limits(const struct oom_options *o, const struct oom_session *s)
{
    if (!s->steady)
        puts("  its output differs from run to run: other output was not counted as a fault");
    if ((o->all ? s->stacks->allocations : s->stacks->stack_count) > s->trial_count)
        printf("  only the first %zu were tried (--runs)\n", s->trial_count);
    if (s->stacks->stacks_lost > 0)
        printf("  %u more call stacks are beyond what the record holds\n", s->stacks->stacks_lost);
    if (s->counts[OOM_NOT_REACHED] > 0)
        printf("  %zu runs ended before the allocation that was to be refused\n",
               s->counts[OOM_NOT_REACHED]);
}

void oom_print(const struct oom_options *o, const struct oom_session *s)
{
    printf("allot oom: %s: %llu allocations, %u call stacks; %zu runs, each without one\n",
           o->program.argv[0], (unsigned long long)s->stacks->allocations, s->stacks->stack_count,
           s->trial_count);
    for (size_t i = 0; i < s->trial_count; i++)
        if (oom_is_fault(&s->trials[i]))
            print_fault(o, &s->trials[i]);
    printf("\n  %zu crashed, %zu hung, %zu ended well but with other output\n"
           "  %zu said so and ended, %zu went on as if nothing had happened\n",
           s->counts[OOM_CRASH], s->counts[OOM_HANG], s->counts[OOM_WRONG], s->counts[OOM_REPORTED],
           s->counts[OOM_SAME]);
    print_limits(o, s);
}

static void json_fault(FILE *to, const struct oom_trial *t)
{
    fprintf(to, "{\"kind\": \"%s\", \"allocation\": %llu, \"size\": %llu, \"signal\": %d, ",
            outcome_names[t->outcome], (unsigned long long)t->at, (unsigned long long)t->size,
            WIFSIGNALED(t->run.status) ? WTERMSIG(t->run.status) : 0);
    fputs("\"stack\": ", to);
    json_string(to, t->stack != NULL ? t->stack : "");
    fputc('}', to);
}

int oom_write_json(const struct oom_options *o, const struct oom_session *s)
{
    FILE *to = strcmp(o->json, "-") == 0 ? stdout : fopen(o->json, "w");
    const char *separator = "";

    if (to == NULL) {
        complain("oom", "%s: %s", o->json, strerror(errno));
        return EXIT_OURS;
    }
    fputs("{\"schema\": 1, \"program\": ", to);
    json_string(to, o->program.argv[0]);
    fprintf(to, ", \"allocations\": %llu, \"stacks\": %u, \"steady\": %s, \"counts\": {",
            (unsigned long long)s->stacks->allocations, s->stacks->stack_count,
            s->steady ? "true" : "false");
    for (size_t i = 0; i < OOM_OUTCOMES; i++)
        fprintf(to, "%s\"%s\": %zu", i > 0 ? ", " : "", outcome_names[i], s->counts[i]);
    fputs("}, \"faults\": [", to);
    for (size_t i = 0; i < s->trial_count; i++)
        if (oom_is_fault(&s->trials[i])) {
            fputs(separator, to);
            json_fault(to, &s->trials[i]);
            separator = ", ";
        }
    fputs("]}\n", to);
    if (to != stdout && fclose(to) != 0) {
        complain("oom", "%s: %s", o->json, strerror(errno));
        return EXIT_OURS;
    }
    return EXIT_GOOD;
}
