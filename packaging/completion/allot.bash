# bash completion for allot(1).
#
# The tool is asked for what it knows, so that this cannot fall behind: verbs are
# the lines `  allot VERB  ...` of `allot --help`, flags the lines
# `  --flag[=word|word]` of `allot VERB --help`.

_allot_flags()
{
    "$1" "$2" --help 2>/dev/null | sed -n 's/^  \(--[a-z0-9-]*.*\)$/\1/p'
}

# --stats[=off|text|json] gives --stats and --stats=; --limit=BYTES gives --limit=.
_allot_flag_names()
{
    _allot_flags "$1" "$2" | sed -n -e 's/^\(--[a-z0-9-]*\)\[=.*/\1\n\1=/p' \
        -e 's/^\(--[a-z0-9-]*=\).*/\1/p' -e 's/^\(--[a-z0-9-]*\)$/\1/p'
}

# The words that a flag may have; none when it is a number or a file.
_allot_flag_words()
{
    _allot_flags "$1" "$2" | sed -n "s/^$3\[\{0,1\}=\([a-z0-9|]*\)\]\{0,1\}$/\1/p" | tr '|' ' '
}

_allot()
{
    local tool=${COMP_WORDS[0]} verb=${COMP_WORDS[1]} word flag i
    COMPREPLY=()
    # "=" is a word of its own here.
    word=${COMP_WORDS[COMP_CWORD]}
    if [[ $COMP_CWORD -eq 1 ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$("$tool" --help 2>/dev/null |
            sed -n 's/^  allot \([a-z]*\) .*/\1/p') help --help --version" -- "$word")
        return
    fi
    if [[ $verb == help ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$("$tool" --help 2>/dev/null |
            sed -n 's/^  allot \([a-z]*\) .*/\1/p')" -- "$word")
        return
    fi
    if [[ $verb == replay && $word != -* && $word != = && ${COMP_WORDS[COMP_CWORD - 1]} != = ]]; then
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        return
    fi
    # Behind the program's name its own completion is none of ours.
    for ((i = 2; i < COMP_CWORD; i++)); do
        [[ ${COMP_WORDS[i]} == -- ]] && break
        [[ ${COMP_WORDS[i]} == [-=]* || ${COMP_WORDS[i - 1]} == = ]] || {
            compopt -o default
            return
        }
    done
    flag=
    if [[ $word == = ]]; then
        flag=${COMP_WORDS[COMP_CWORD - 1]} word=
    elif [[ ${COMP_WORDS[COMP_CWORD - 1]} == = ]]; then
        flag=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    if [[ -n $flag ]]; then
        local words
        words=$(_allot_flag_words "$tool" "$verb" "$flag")
        if [[ -n $words ]]; then
            mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
        elif [[ $flag == *-out || $flag == --trace || $flag == --lib || $flag == --json ]]; then
            mapfile -t COMPREPLY < <(compgen -f -- "$word")
        fi
        return
    fi
    if [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_allot_flag_names "$tool" "$verb") --help --" -- "$word")
        [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace
        return
    fi
    mapfile -t COMPREPLY < <(compgen -c -- "$word")
}

complete -F _allot allot
