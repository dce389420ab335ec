package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// manPages are the manual pages of section 1, by the names of their files. No
// date is in them, so that the same commands give the same pages.
func manPages(root *cobra.Command) map[string]string {
	out := map[string]string{}
	walkCommands(root, func(cmd *cobra.Command) { out[manName(cmd)+".1"] = manPage(cmd) })
	return out
}

func manName(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

func manPage(cmd *cobra.Command) string {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH %s 1 \"\" Hydra \"Hydra manual\"\n", strings.ToUpper(roff(manName(cmd))))
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", roff(manName(cmd)), roff(strings.TrimSuffix(cmd.Short, ".")))
	fmt.Fprintf(&b, ".SH SYNOPSIS\n.B %s\n", roff(cmd.UseLine()))
	fmt.Fprintf(&b, ".SH DESCRIPTION\n%s\n", strings.ReplaceAll(roff(about(cmd)), "\n\n", "\n.PP\n"))
	if cmd.HasSubCommands() {
		b.WriteString(".SH COMMANDS\n")
		for _, sub := range cmd.Commands() {
			walkCommands(sub, func(c *cobra.Command) {
				if c == sub {
					fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", roff(sub.Name()), roff(sub.Short))
				}
			})
		}
	}
	manOptions(&b, "OPTIONS", ownFlags(cmd))
	if isRemote(cmd) {
		var shared []*pflag.Flag
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if isShared(f.Name) {
				shared = append(shared, f)
			}
		})
		manOptions(&b, "OPTIONS OF ALL CLIENTS OF A SERVER", shared)
	}
	if cmd.Example != "" {
		fmt.Fprintf(&b, ".SH EXAMPLES\n.nf\n%s\n.fi\n", roff(unindent(cmd.Example)))
	}
	b.WriteString(".SH EXIT STATUS\n0 when it is done, 1 when it failed, 255 when there is no such command or flag.\n")
	if cmd.HasParent() {
		fmt.Fprintf(&b, ".SH SEE ALSO\n.BR %s (1)\n", roff(manName(cmd.Parent())))
		if now := cmd.Annotations[earlierMark]; now != "" {
			fmt.Fprintf(&b, ".BR %s (1)\n", roff("hydra-"+strings.ReplaceAll(now, " ", "-")))
		}
	}
	return b.String()
}

func manOptions(b *strings.Builder, title string, flags []*pflag.Flag) {
	if len(flags) == 0 {
		return
	}
	fmt.Fprintf(b, ".SH %s\n", title)
	for _, f := range flags {
		kind, usage := pflag.UnquoteUsage(f)
		name := "--" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", " + name
		}
		fmt.Fprintf(b, ".TP\n\\fB%s\\fR", roff(name))
		if kind != "" {
			fmt.Fprintf(b, " \\fI%s\\fR", roff(kind))
		}
		if d := defaultOf(f); d != "" {
			usage += " (default " + d + ")"
		}
		fmt.Fprintf(b, "\n%s\n", roff(usage))
	}
}

// roff escapes text for a manual page.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "…", "...").Replace(text)
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, ".") || strings.HasPrefix(l, "'") {
			lines[i] = `\&` + l
		}
	}
	return strings.Join(lines, "\n")
}
