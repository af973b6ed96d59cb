# Part scatter of parallel.sh: our reduce-scatter beside MPI's, in turns within one run a number of ranks.
# shellcheck shell=bash disable=SC2154  # parallel.sh and common.sh set the variables

echo "time of MPI_Reduce_scatter_block over ours, medians of 20, by bytes of the whole buffer; above 1 ours is faster"
printf '%-6s %8s %8s %8s %8s %8s %8s\n' ranks 64KiB 256KiB 1MiB 4MiB 16MiB 64MiB
for ranks in 2 4 8; do
  mpirun --oversubscribe --bind-to none -n $ranks "$benches/sums_bench" --benchmark_filter=reduce_scatter \
    --benchmark_format=csv 2>"$scratch/console.txt" | tr -d '"' | awk -F , -v ranks=$ranks '
      $1 == "name" { for (i = 1; i <= NF; ++i) if ($i == "ratio") column = i }
      split($1, part, "/") > 1 && part[2] >= 65536 { row = row sprintf(" %8.2f", $column) }
      END { printf "%-6s%s\n", ranks, row }'
done
