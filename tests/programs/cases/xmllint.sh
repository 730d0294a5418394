# needs: xmllint
xmllint --format data.xml | cksum
xmllint --xpath 'count(//record[@id > 500])' data.xml
echo
xmllint --xpath 'string(//record[@id=77]/name)' data.xml
echo
echo '<a><b></a>' | xmllint --noout - 2>/dev/null
echo $?
xmllint --stream --noout data.xml &&
echo fine
