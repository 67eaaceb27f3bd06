# Answers like Vivado in batch mode, as far as hwgen's scripts and constraints go: each command takes the options that UG835
# gives it, needs the state of the design that it works on, and is noted. Reports come from the folder "reports" beside it.

set home [file dirname [file normalize [info script]]]
set design none
array set seen {verilog {} xdc {} ports {} top {} part {} clock 0}

proc fail {id text} { return -code error "ERROR: \[$id\] $text" }
proc content {file} { set f [open $file]; set text [read $f]; close $f; return $text }
proc keep {file text} { set f [open $file w]; puts -nonewline $f $text; close $f }
proc note {line} { set f [open $::home/calls a]; puts $f $line; close $f }

# Command -> options without a value, options with one, least and most other arguments. UG835 2023.2.
array set table {
    read_verilog {{-sv} {-library} 1 99}
    read_xdc {{-unmanaged -no_add} {-cells -ref -mode} 1 99}
    synth_design {{-lint -rtl -no_lc -no_srlextract -retiming -assert} {-name -part -constrset -top -include_dirs -generic
        -verilog_define -flatten_hierarchy -gated_clock_conversion -directive -bufg -fanout_limit -mode -fsm_extraction
        -keep_equivalent_registers -resource_sharing -control_set_opt_threshold -max_bram -max_dsp -shreg_min_size} 0 0}
    opt_design {{-retarget -propconst -sweep -bram_power_opt -remap -resynth_area} {-directive} 0 0}
    place_design {{-no_timing_driven -timing_summary -unplace -post_place_opt -no_psip} {-directive} 0 0}
    phys_opt_design {{-fanout_opt -placement_opt -routing_opt -rewire -critical_cell_opt -retime} {-directive} 0 0}
    route_design {{-unroute -release_memory -preserve -delay -timing_summary -tns_cleanup -ultrathreads} {-nets -pins
        -directive} 0 0}
    write_checkpoint {{-force -incremental_synth} {-cell} 1 1}
    open_checkpoint {{} {-part} 1 1}
    get_designs {{-regexp -nocase} {-filter} 0 1}
    report_utilization {{-append -pblocks -return_string -slr -hierarchical -hierarchical_percentages} {-file -cells
        -hierarchical_depth -name -format} 0 0}
    report_timing_summary {{-check_timing_verbose -no_detailed_paths -setup -hold -unique_pins -report_unconstrained
        -no_header -append -return_string -warn_on_violation -datasheet} {-delay_type -max_paths -nworst -path_type
        -slack_lesser_than -significant_digits -file -name -cells -rpx} 0 0}
    report_timing {{-setup -hold -unique_pins -input_pins -no_header -append -return_string} {-from -to -through
        -delay_type -max_paths -nworst -path_type -sort_by -of_objects -file -name -cells -rpx -group} 0 0}
    report_route_status {{-return_string -append -list_all_nets -show_all -has_routing -boundary_nets
        -ignore_cache} {-of_objects -route_type -file} 0 0}
    report_drc {{-append -return_string -no_waivers} {-name -upgrade_cw -checks -ruledecks -file -rpx} 0 0}
    read_saif {{-no_strip} {-strip_path -out_file} 1 1}
    report_power {{-no_propagation -return_string -append -advisory} {-hier -hierarchical_depth -vid -file -name -format
        -xpe -l -rpx} 0 0}
    get_timing_paths {{-setup -hold -unique_pins} {-from -to -delay_type -max_paths -nworst -group -sort_by -filter} 0 0}
    write_bitstream {{-force -raw_bitfile -no_binary_bitfile -mask_file -readback_file -logic_location_file -bin_file
        -no_partial_bitfile} {-cell -reference_bitfile} 1 1}
    get_property {{-min -max} {} 2 2}
    create_clock {{-add} {-period -name -waveform} 0 1}
    set_property {{} {-dict} 2 3}
    set_false_path {{-setup -hold -rise -fall -reset_path} {-from -to -through} 0 0}
    get_ports {{-regexp -nocase} {-filter -of_objects} 0 1}
    get_pins {{-hierarchical -regexp -nocase -leaf} {-hsc -filter -of_objects} 0 1}
    current_design {{} {} 0 1}
}
set xdc_commands {create_clock set_property set_false_path get_ports get_pins current_design}
# Command -> states of the design that it takes, and the state after it.
array set states {
    opt_design {synthesized synthesized} place_design {synthesized placed} phys_opt_design {placed placed}
    route_design {placed routed} report_route_status {routed routed} write_bitstream {routed routed}
    read_saif {routed routed} report_power {routed routed} report_timing {routed routed}
    report_timing_summary {routed routed} report_utilization {routed routed} report_drc {routed routed}
}

proc vivado {name arguments} {
    lassign $::table($name) flags valued least most
    lappend flags -quiet -verbose
    set given {}
    set others {}
    for {set k 0} {$k < [llength $arguments]} {incr k} {
        set word [lindex $arguments $k]
        if {[string match -* $word] && ![string is double $word]} {
            if {$word in $flags} {
                dict set given $word 1
            } elseif {$word in $valued} {
                if {[incr k] >= [llength $arguments]} { fail "Common 17-167" "Missing value for option '$word'" }
                dict set given $word [lindex $arguments $k]
            } else {
                fail "Common 17-170" "Unknown option '$word', please type '$name -help' for usage info."
            }
        } else {
            lappend others $word
        }
    }
    if {[llength $others] < $least || [llength $others] > $most} {
        fail "Common 17-165" "Too few or too many positional options when parsing '$others' of $name"
    }
    note "$name $arguments"
    if {[info exists ::states($name)]} {
        lassign $::states($name) needs after
        if {$::design ne $needs} { fail "Common 17-53" "$name: no $needs design is open, but $::design" }
        if {[string match *_design $name]} { puts "Command: $name $arguments\nPhase 1 Initialization\nPhase 1.1 Part of it" }
    }
    if {[file exists $::home/fail]} {
        lassign [split [content $::home/fail] |] command text
        if {$command eq $name} {
            puts $text
            fail "Common 17-69" "Command failed: $name"
        }
    }
    set result [do_$name $given $others]
    if {[info exists after]} { set ::design $after }
    return $result
}
foreach name [array names table] {
    proc $name args "vivado $name \$args"
    proc do_$name {given others} {}
}

proc do_read_verilog {given others} { foreach file $others { append ::seen(verilog) [content $file] } }
proc do_read_xdc {given others} { foreach file $others { content $file; lappend ::seen(xdc) $file } }
proc do_synth_design {given others} {
    set ::seen(top) [dict get $given -top]
    set ::seen(part) [dict get $given -part]
    if {![regexp -line "^module $::seen(top)\\((.*)\\);" $::seen(verilog) -> ports]} {
        fail "Synth 8-439" "module '$::seen(top)' not found"
    }
    if {[dict exists $given -flatten_hierarchy] && [dict get $given -flatten_hierarchy] ni {full none rebuilt}} {
        fail "Common 17-161" "Invalid option value for -flatten_hierarchy"
    }
    set ::seen(ports) [split [string map {" " ""} $ports] ,]
    puts "Command: synth_design"
    set inside [interp create -safe]
    foreach name $::xdc_commands { interp alias $inside $name {} $name }
    foreach file $::seen(xdc) { interp eval $inside [content $file] }
    set ::design synthesized
}
proc do_get_ports {given others} {
    if {[lindex $others 0] in $::seen(ports)} { return port:[lindex $others 0] }
    puts "WARNING: \[Vivado 12-584\] No ports matched '$others'."
}
proc do_get_pins {given others} {
    if {[regexp {^(\w+)/(\w+)} [lindex $others 0] -> cell pin]
        && [regexp "PS7 $cell \\(\[^;\]*\\.${pin}\\(" $::seen(verilog)]} { return pin:[lindex $others 0] }
    puts "WARNING: \[Vivado 12-508\] No pins matched '$others'."
}
proc do_current_design {given others} { return design }
proc do_create_clock {given others} {
    if {[lindex $others 0] eq ""} { puts "CRITICAL WARNING: \[Vivado 12-4739\] create_clock:No valid object(s) found"; return }
    if {![string is double -strict [dict get $given -period]]} { fail "Common 17-161" "Invalid option value" }
    set ::seen(clock) 1
}
proc do_set_property {given others} {
    lassign $others name value object
    if {$name ni {PACKAGE_PIN IOSTANDARD CFGBVS CONFIG_VOLTAGE} || $object eq ""} { fail "Common 17-55" "'set_property' $others" }
}
proc do_set_false_path {given others} {
    foreach object [dict values $given] { if {$object eq ""} { fail "Vivado 12-4739" "set_false_path: no valid object" } }
}
proc do_write_checkpoint {given others} {
    if {$::design eq "none"} { fail "Common 17-53" "no open design" }
    keep [lindex $others 0] [list $::design $::seen(top) $::seen(clock)]
}
proc do_open_checkpoint {given others} { lassign [content [lindex $others 0]] ::design ::seen(top) ::seen(clock) }
proc do_get_designs {given others} { if {$::design ne "none"} { return $::design } }
proc report {given name} {
    if {[file exists $::home/reports/$name]} { keep [dict get $given -file] [content $::home/reports/$name] }
}
proc do_report_utilization {given others} {
    report $given [expr {[dict exists $given -hierarchical] ? "hierarchy.rpt" : "utilization.rpt"}]
}
proc do_report_timing_summary {given others} { report $given timing.rpt }
proc do_report_timing {given others} { report $given path.rpt }
proc do_report_route_status {given others} { report $given route_status.rpt }
proc do_report_drc {given others} { report $given drc.rpt }
proc do_report_power {given others} { report $given power.rpt }
proc do_read_saif {given others} {
    set root [dict get $given -strip_path]
    regexp {\(INSTANCE (\S+)} [content [lindex $others 0]] -> found
    if {$root ne $found || $root ne $::seen(top)} { fail "Power 33-4" "no instance $root in the SAIF file, but $found" }
    keep [dict get $given -out_file] "none\n"
}
proc do_get_timing_paths {given others} { if {$::seen(clock)} { return path1 } }
proc do_get_property {given others} {
    if {[lindex $others 0] ne "SLACK"} { fail "Common 17-55" $others }
    return [content $::home/reports/slack]
}
proc do_write_bitstream {given others} {
    if {[file exists $::home/chip.bit]} { file copy -force $::home/chip.bit [lindex $others 0] }
}

# The command line.
if {$argv eq "-version"} {
    puts "Vivado v2023.2 (64-bit)\nSW Build 4029153 on Fri Oct 13 20:13:54 MDT 2023"
    exit 0
}
set words $argv
set argv {}
set sources {}
while {[llength $words]} {
    set words [lassign $words word]
    switch -- $word {
        -notrace - -nojournal - -nolog {}
        -mode { set words [lassign $words mode]; if {$mode ne "batch"} { exit 3 } }
        -source { set words [lassign $words file]; lappend sources $file }
        -tclargs { set argv $words; set words {} }
        default { puts "ERROR: \[Common 17-170\] $word"; exit 3 }
    }
}
set argc [llength $argv]
note "started [file tail [lindex $sources 0]]"
foreach file $sources {
    if {[catch {source $file} said]} {
        puts "$said\nINFO: \[Common 17-206\] Exiting Vivado"
        exit 1
    }
}
