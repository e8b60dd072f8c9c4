"""The contract of pairwright: records, Arrow schema, validation, and how parts are found.

Every other room imports from here and this room imports from none of them. The modules are:
``errors`` and ``reasons`` (what can go wrong), ``image`` and ``codec`` (pictures), ``prompt``, ``source_row``,
``judgement``, ``pair`` and ``reject`` (records), ``arrow`` (the shared schema), ``validate`` (its rules),
``knobs`` and ``seeds`` (drawing parameters), ``room`` (finding parts by file name).
"""
